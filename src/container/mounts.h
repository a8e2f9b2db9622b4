/* mounts.h - detached mounts: the new mount calls with sentences for their failures. */
#ifndef GATE_CONTAINER_MOUNTS_H
#define GATE_CONTAINER_MOUNTS_H

#include <stdbool.h>

#include "base/base.h"

/* A clone of what `path` names at `at` (open_tree, 5.2): a descriptor, or -1. `path` is not followed when it is a link. */
int gate_mount_clone(int at, const char *path, bool recursive, struct gate_err *err);
/* A new file system, not attached: `options` "key=value,key", attr MOUNT_ATTR_…. */
int gate_mount_new(const char *type, const char *options, unsigned attr, struct gate_err *err);

#endif
