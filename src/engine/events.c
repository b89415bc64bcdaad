#include "engine/events.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/filters.h"
#include "engine/model.h"

#define QUEUE_MAX 1024

void events_init(struct events *events)
{
    pthread_mutex_init(&events->lock, NULL);
}

void events_done(struct events *events)
{
    for (size_t i = 0; i < EVENT_RING; i++)
        json_object_put(events->ring[i]);
    pthread_mutex_destroy(&events->lock);
}

/* ---- publishing ---- */

static json *make_event(const char *type, const char *action, const char *id, json *attributes)
{
    json *event = json_new_object(), *actor = json_new_object();
    int64_t now_ns = clock_wall_ns();
    if (strcmp(type, "container") == 0
        || strcmp(type, "image") == 0) { /* clients before API 1.22 */
        json_set_str(event, "status", action);
        json_set_str(event, "id", id);
        const char *from = json_str(attributes, "image", NULL);
        if (from)
            json_set_str(event, "from", from);
    }
    json_set_str(event, "Type", type);
    json_set_str(event, "Action", action);
    json_set_str(actor, "ID", id);
    json_set(actor, "Attributes", attributes ? attributes : json_new_object());
    json_set(event, "Actor", actor);
    json_set_str(event, "scope", "local");
    json_set_i64(event, "time", now_ns / 1000000000);
    json_set_i64(event, "timeNano", now_ns);
    return event;
}

/* events.lock held. */
static void hand_to(struct listener *listener, json *event)
{
    if (listener->count == QUEUE_MAX) {
        listener->overflowed = true;
    } else {
        ARRAY_GROW(listener->queue, listener->count, listener->capacity);
        listener->queue[listener->count++] = json_object_get(event);
    }
    signal_raise(listener->fd);
}

void events_publish(struct engine *engine, const char *type, const char *action, const char *id,
    json *attributes)
{
    struct events *events = &engine->events;
    json *event = make_event(type, action, id, attributes);
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&events->lock);
    json_object_put(events->ring[events->next]);
    events->ring[events->next] = event;
    events->next = (events->next + 1) % EVENT_RING;
    for (struct listener *l = events->listeners; l; l = l->next)
        hand_to(l, event);
}

void container_event(struct container *container, const char *action, char *const *more)
{
    _cleanup_record_ struct container_record *record = container_record_of(container);
    json *attributes = json_new_object();
    for (char *const *at = record->config.labels; at && *at; at++) {
        _cleanup_free_ char *key = xstrndup(*at, strcspn(*at, "="));
        const char *equals = strchr(*at, '=');
        json_set_str(attributes, key, equals ? equals + 1 : "");
    }
    json_set_str(attributes, "image", record->config.image);
    json_set_str(attributes, "name", record->name);
    for (char *const *at = more; at && *at; at++) {
        _cleanup_free_ char *key = xstrndup(*at, strcspn(*at, "="));
        const char *equals = strchr(*at, '=');
        json_set_str(attributes, key, equals ? equals + 1 : "");
    }
    events_publish(container->engine, "container", action, container->id, attributes);
}

/* ---- listening ---- */

static const char *const filter_names[] = { "type", "event", "container", "image", "label",
    "network", "volume", "daemon", "scope", "config", "node", "plugin", "secret", "service", NULL };

/* An event of this type must be of the object that is asked for; others do not match at all then. */
static bool matches_object(const struct filters *filters, const char *key, const json *event)
{
    if (!filters_has(filters, key))
        return true;
    if (strcmp(json_str(event, "Type", ""), key) != 0)
        return false;
    const json *actor = json_get(event, "Actor");
    const char *id = json_str(actor, "ID", ""),
               *name = json_str(json_get(actor, "Attributes"), "name", "");
    for (char *const *wanted = filters_values(filters, key); *wanted; wanted++)
        if (**wanted && (str_starts(id, *wanted) || strcmp(name, *wanted) == 0))
            return true;
    return false;
}

/* "exec_start: sh" matches "exec_start". */
static bool matches_action(const struct filters *filters, const json *event)
{
    const char *action = json_str(event, "Action", "");
    if (filters_match(filters, "event", action))
        return true;
    _cleanup_free_ char *bare = xstrndup(action, strcspn(action, ":"));
    return filters_match(filters, "event", bare);
}

static bool matches_image(const struct filters *filters, const json *event)
{
    if (!filters_has(filters, "image"))
        return true;
    const json *actor = json_get(event, "Actor"), *attributes = json_get(actor, "Attributes");
    bool is_image = strcmp(json_str(event, "Type", ""), "image") == 0;
    const char *name = json_str(attributes, is_image ? "name" : "image", "");
    _cleanup_free_ char *bare = xstrndup(name, strcspn(name, ":"));
    return filters_match(filters, "image", name) || filters_match(filters, "image", bare)
           || (is_image && filters_match(filters, "image", json_str(actor, "ID", "")));
}

static bool matches_labels(const struct filters *filters, json *event)
{
    if (!filters_has(filters, "label"))
        return true;
    json *attributes = json_at(event, "Actor.Attributes");
    _cleanup_strv_ char **labels = NULL;
    json_object_object_foreach(attributes, key, value)
        strv_addf(&labels, "%s=%s", key, json_object_get_string(value));
    return filters_match_labels(filters, "label", labels);
}

static bool matches(const struct filters *filters, const struct events_options *options,
    json *event)
{
    static const char *const objects[] = { "container", "network", "volume", "daemon" };
    int64_t when_ns = json_i64(event, "timeNano", 0);
    if ((options->since_ns && when_ns < options->since_ns)
        || (options->until_ns && when_ns > options->until_ns))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        if (!matches_object(filters, objects[i], event))
            return false;
    return filters_match(filters, "type", json_str(event, "Type", ""))
           && filters_match(filters, "scope", json_str(event, "scope", ""))
           && matches_action(filters, event) && matches_image(filters, event)
           && matches_labels(filters, event);
}

/* The past comes from the ring, in order, and nothing between it and what follows is missed. */
static void join(struct events *events, struct listener *listener, bool with_past)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&events->lock);
    for (size_t i = 0; with_past && i < EVENT_RING; i++) {
        json *event = events->ring[(events->next + i) % EVENT_RING];
        if (event)
            hand_to(listener, event);
    }
    listener->next = events->listeners;
    events->listeners = listener;
    events->listener_count++;
}

static void leave(struct events *events, struct listener *listener)
{
    pthread_mutex_lock(&events->lock);
    struct listener **at = &events->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    events->listener_count--;
    pthread_mutex_unlock(&events->lock);
    for (size_t i = 0; i < listener->count; i++)
        json_object_put(listener->queue[i]);
    free(listener->queue);
    close(listener->fd);
}

static int deliver(struct events *events, struct listener *listener, const struct filters *filters,
    const struct events_options *options, struct error *err)
{
    pthread_mutex_lock(&events->lock);
    json **queue = TAKE_PTR(listener->queue);
    size_t count = listener->count;
    bool overflowed = listener->overflowed;
    listener->count = listener->capacity = 0;
    pthread_mutex_unlock(&events->lock);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        if (rc == 0 && matches(filters, options, queue[i]))
            rc = options->event(options->context, queue[i], err);
        json_object_put(queue[i]);
    }
    free(queue);
    if (rc == 0 && overflowed)
        return error_set(err, ERROR_CANCELLED, "events: too slow a listener");
    return rc;
}

static int listen_until(struct engine *engine, struct listener *listener,
    const struct filters *filters, const struct events_options *options,
    const struct engine_client *client, struct error *err)
{
    int64_t deadline_ns = -1;
    if (client_ready(client, err) < 0)
        return -1;
    if (options->until_ns) {
        int64_t left_ns = options->until_ns - clock_wall_ns();
        deadline_ns = clock_now_ns() + (left_ns > 0 ? left_ns : 0);
    }
    for (;;) {
        if (deliver(&engine->events, listener, filters, options, err) < 0)
            return -1;
        int rc = engine_wait(engine, listener->fd, client, deadline_ns, err);
        if (rc <= 0)
            return rc;
    }
}

int events_listen(struct engine *engine, const struct events_options *options,
    const struct engine_client *client, struct error *err)
{
    _cleanup_filters_ struct filters *filters = NULL;
    if (filters_parse(options->filters, filter_names, &filters, err) < 0)
        return -1;
    struct listener listener = { .fd = signal_open(err) };
    if (listener.fd < 0)
        return -1;
    join(&engine->events, &listener, options->since_ns || options->until_ns);
    int rc = listen_until(engine, &listener, filters, options, client, err);
    leave(&engine->events, &listener);
    return rc;
}
