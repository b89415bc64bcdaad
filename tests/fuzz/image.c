/* Every text is a configuration, a manifest or an index, or is refused. */
#include <stdint.h>

#include "oci/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct error err;
    enum image_document kind;
    const struct image_descriptor *chosen;
    _cleanup_image_config_ struct image_config config = { 0 };
    _cleanup_image_manifest_ struct image_manifest manifest = { 0 };
    _cleanup_image_index_ struct image_index index = { 0 };
    _cleanup_image_platform_ struct image_platform platform = { 0 };
    const char *text = (const char *)bytes;
    (void)!image_document_kind(text, n, &kind, &err);
    (void)!image_config_parse(text, n, &config, &err);
    (void)!image_manifest_parse(text, n, &manifest, &err);
    if (image_index_parse(text, n, &index, &err) == 0
        && image_platform_parse(NULL, &platform, &err) == 0)
        (void)!image_index_choose(&index, &platform, &chosen, &err);
    return 0;
}
