#include "boot/kmod_index.h"

#include <endian.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC 0xB007F457
#define VERSION_MAJOR 2
#define KEY_MAX_BYTES 1024
#define VISITS_MAX 1000000

/* The upper bits of a node's offset say which of its parts are there. */
#define HAS_PREFIX 0x80000000U
#define HAS_VALUES 0x40000000U
#define HAS_CHILDREN 0x20000000U
#define OFFSET_MASK 0x0FFFFFFFU

struct node {
    const char *prefix;
    uint8_t first, last; /* children's characters; first > last: none */
    size_t children;     /* offset of their offsets */
    size_t values;       /* offset of the first value, after its count */
    uint32_t value_count;
};

static bool read_u32(const struct kmod_index *index, size_t at, uint32_t *out)
{
    if (at > index->size || index->size - at < sizeof *out)
        return false;
    memcpy(out, index->bytes + at, sizeof *out);
    *out = be32toh(*out);
    return true;
}

static const char *read_string(const struct kmod_index *index, size_t *at)
{
    if (*at >= index->size)
        return NULL;
    const char *text = (const char *)index->bytes + *at;
    size_t n = strnlen(text, index->size - *at);
    if (n == index->size - *at)
        return NULL;
    *at += n + 1;
    return text;
}

static bool read_node(const struct kmod_index *index, uint32_t offset, struct node *node)
{
    size_t at = offset & OFFSET_MASK;
    *node = (struct node){ .prefix = "", .first = 1 };
    if (at == 0)
        return false;
    if (offset & HAS_PREFIX && !(node->prefix = read_string(index, &at)))
        return false;
    if (offset & HAS_CHILDREN) {
        if (at > index->size || index->size - at < 2)
            return false;
        node->first = index->bytes[at];
        node->last = index->bytes[at + 1];
        node->children = at += 2;
        if (node->last >= node->first)
            at += sizeof(uint32_t) * (size_t)(node->last - node->first + 1);
    }
    if (offset & HAS_VALUES) {
        if (!read_u32(index, at, &node->value_count))
            return false;
        node->values = at + sizeof(uint32_t);
    }
    return at <= index->size;
}

/* The value at *at, behind its priority; moves on. */
static const char *read_value(const struct kmod_index *index, size_t *at)
{
    *at += sizeof(uint32_t);
    return read_string(index, at);
}

static bool child_of(const struct kmod_index *index, const struct node *node, uint8_t c,
    uint32_t *offset)
{
    return c >= node->first && c <= node->last
           && read_u32(index, node->children + sizeof(uint32_t) * (size_t)(c - node->first), offset)
           && *offset != 0;
}

int kmod_index_open(struct kmod_index *index, int dir_fd, const char *name, struct error *err)
{
    *index = (struct kmod_index){ 0 };
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_sys(err, "open %s", name);
    if (st.st_size < 12)
        return error_set(err, ERROR_INVALID, "%s: too short", name);
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_sys(err, "map %s", name);
    *index = (struct kmod_index){ .bytes = bytes, .size = (size_t)st.st_size };
    uint32_t magic = 0, version = 0;
    if (read_u32(index, 0, &magic) && read_u32(index, 4, &version)
        && read_u32(index, 8, &index->root) && magic == MAGIC && version >> 16 == VERSION_MAJOR)
        return 0;
    kmod_index_close(index);
    return error_set(err, ERROR_INVALID, "%s: not a module table of version %d", name,
        VERSION_MAJOR);
}

void kmod_index_close(struct kmod_index *index)
{
    if (index->bytes)
        munmap((void *)index->bytes, index->size);
    *index = (struct kmod_index){ 0 };
}

const char *kmod_index_find(const struct kmod_index *index, const char *key)
{
    uint32_t offset = index->root;
    struct node node;
    while (index->bytes && read_node(index, offset, &node)) {
        size_t n = strlen(node.prefix);
        if (strncmp(key, node.prefix, n) != 0)
            return NULL;
        key += n;
        if (*key == '\0') {
            size_t at = node.values;
            if (!(offset & HAS_VALUES))
                return NULL;
            const char *value = node.value_count > 0 ? read_value(index, &at) : "";
            return value ? value : "";
        }
        if (!child_of(index, &node, (uint8_t)*key++, &offset))
            return NULL;
    }
    return NULL;
}

struct match {
    const struct kmod_index *index;
    const char *text;
    kmod_value *found;
    void *data;
    unsigned visits;         /* left: a damaged tree may lead back into itself */
    char key[KEY_MAX_BYTES]; /* the key so far */
};

static bool give_values(const struct match *match, const struct node *node)
{
    size_t at = node->values;
    for (uint32_t i = 0; i < node->value_count; i++) {
        const char *value = read_value(match->index, &at);
        if (!value || !match->found(value, match->data))
            return false;
    }
    return true;
}

/* Whether key, of which n bytes are known, may still match: its plain beginning must be the text's. */
static bool may_match(const struct match *match, size_t n)
{
    size_t plain = strcspn(match->key, "*?[");
    return strncmp(match->key, match->text, plain < n ? plain : n) == 0;
}

static bool match_below(struct match *match, uint32_t offset, size_t n)
{
    struct node node;
    if (match->visits-- == 0)
        return false;
    if (!read_node(match->index, offset, &node))
        return true;
    size_t m = strlen(node.prefix);
    if (n + m + 2 > sizeof match->key)
        return true;
    memcpy(match->key + n, node.prefix, m + 1);
    n += m;
    if (!may_match(match, n))
        return true;
    if (node.value_count > 0 && fnmatch(match->key, match->text, 0) == 0
        && !give_values(match, &node))
        return false;
    for (unsigned c = node.first; c <= node.last; c++) {
        uint32_t child;
        if (!child_of(match->index, &node, (uint8_t)c, &child))
            continue;
        match->key[n] = (char)c;
        match->key[n + 1] = '\0';
        if (may_match(match, n + 1) && !match_below(match, child, n + 1))
            return false;
    }
    return true;
}

void kmod_index_match(const struct kmod_index *index, const char *text, kmod_value *found,
    void *data)
{
    struct match match = {
        .index = index, .text = text, .found = found, .data = data, .visits = VISITS_MAX
    };
    if (index->bytes)
        match_below(&match, index->root, 0);
}
