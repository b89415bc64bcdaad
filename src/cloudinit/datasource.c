#include "cloudinit/datasource.h"

void datasource_data_done(struct datasource_data *data)
{
    str_done(&data->user_data);
    json_object_put(data->metadata);
    *data = (struct datasource_data){ 0 };
}
