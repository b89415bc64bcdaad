#include "client/prune.h"

#include <strings.h>

#include "client/human.h"

bool prune_confirm(const char *warning)
{
    char answer[16] = "";
    printf("%s\nAre you sure you want to continue? [y/N] ", warning);
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin))
        return false;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

static void print_element(const json *element)
{
    if (json_object_is_type(element, json_type_string)) {
        puts(json_object_get_string((json *)element));
        return;
    }
    if (json_str(element, "Untagged", NULL))
        printf("untagged: %s\n", json_str(element, "Untagged", ""));
    if (json_str(element, "Deleted", NULL))
        printf("deleted: %s\n", json_str(element, "Deleted", ""));
}

int prune_post(struct cli *cli, const char *path, char *const *filters, const char *member,
    const char *heading, int64_t *reclaimed, struct error *err)
{
    _cleanup_json_ json *answer = NULL;
    _cleanup_free_ char *words = client_filters(filters);
    _cleanup_free_ char *target = client_path("%s?filters=%s", path, words);
    if (client_post(cli->client, target, NULL, &answer, err) < 0)
        return -1;
    const json *list = json_get(answer, member);
    *reclaimed += json_i64(answer, "SpaceReclaimed", 0);
    if (!json_count(list))
        return 0;
    printf("%s:\n", heading);
    for (size_t i = 0; i < json_count(list); i++)
        print_element(json_item(list, i));
    putchar('\n');
    return 0;
}

void prune_print_total(int64_t reclaimed)
{
    _cleanup_str_ struct str size = { 0 };
    human_size((double)reclaimed, 4, &size);
    printf("Total reclaimed space: %s\n", str_text(&size));
}
