#include "engine/run_record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/memory.h"
#include "engine/ports.h"

#define RECORD_LIMIT (4U << 20)

struct saved_port {
    uint32_t protocol, port, host_port;
    char *host_address;
};
static const struct schema_field port_fields[] = {
    FIELD(struct saved_port, protocol, "protocol", U32),
    FIELD(struct saved_port, port, "port", U32),
    FIELD(struct saved_port, host_address, "host_address", STRING),
    FIELD(struct saved_port, host_port, "host_port", U32),
};
static const struct schema port_schema = SCHEMA(struct saved_port, port_fields);

struct saved_run {
    bool attached;
    char *address, *host_name, *endpoint_id, *mac;
    struct saved_port *ports;
    size_t port_count;
};
static const struct schema_field run_fields[] = {
    FIELD(struct saved_run, attached, "attached", BOOL),
    FIELD(struct saved_run, address, "address", STRING),
    FIELD(struct saved_run, host_name, "host_name", STRING),
    FIELD(struct saved_run, endpoint_id, "endpoint_id", STRING),
    FIELD(struct saved_run, mac, "mac", STRING),
    FIELD_LIST(struct saved_run, ports, port_count, "ports", port_schema),
};
static const struct schema run_schema = SCHEMA(struct saved_run, run_fields);

int run_record_write(int run_fd, const struct run *run, struct error *err)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &run->address, address, sizeof address);
    _cleanup_free_ char *mac = mac_text(run->mac);
    _cleanup_free_ struct saved_port *ports = xcalloc(run->port_count + 1, sizeof *ports);
    for (size_t i = 0; i < run->port_count; i++)
        ports[i] = (struct saved_port){ run->ports[i].protocol, run->ports[i].port,
            run->ports[i].host_port, run->ports[i].host_address };
    struct saved_run saved = {
        .attached = run->attached,
        .address = address,
        .host_name = (char *)run->host_name,
        .endpoint_id = (char *)run->endpoint_id,
        .mac = mac,
        .ports = ports,
        .port_count = run->port_count,
    };
    _cleanup_json_ json *document = schema_write(&run_schema, &saved);
    _cleanup_str_ struct str text = { 0 };
    json_text(document, &text);
    return atomic_file_write_volatile(run_fd, "network.json", text.p, text.n, 0600, err);
}

static void take_saved(const struct saved_run *saved, struct run *out)
{
    *out = (struct run){ .attached = saved->attached, .port_count = saved->port_count };
    text_copy(out->host_name, sizeof out->host_name, saved->host_name);
    text_copy(out->endpoint_id, sizeof out->endpoint_id, saved->endpoint_id);
    if (!saved->address || inet_pton(AF_INET, saved->address, &out->address) != 1)
        out->address.s_addr = 0;
    if (!saved->mac || !mac_parse(saved->mac, out->mac))
        memset(out->mac, 0, sizeof out->mac);
    out->ports = saved->port_count ? xcalloc(saved->port_count, sizeof *out->ports) : NULL;
    for (size_t i = 0; i < saved->port_count; i++) {
        const struct saved_port *port = &saved->ports[i];
        out->ports[i] = (struct port_binding){
            .protocol = (uint8_t)port->protocol,
            .port = (uint16_t)port->port,
            .host_port = (uint16_t)port->host_port,
        };
        text_copy(out->ports[i].host_address, sizeof out->ports[i].host_address,
            port->host_address);
    }
}

int run_record_read(int run_fd, struct run *out, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    struct saved_run saved = { 0 };
    *out = (struct run){ 0 };
    if (json_read_file(run_fd, "network.json", RECORD_LIMIT, &document, err) < 0)
        return err->code == ENOENT ? 0 : -1;
    if (schema_read(&run_schema, document, &saved, err) < 0)
        return error_prefix(err, "network.json");
    take_saved(&saved, out);
    schema_done(&run_schema, &saved);
    return 0;
}
