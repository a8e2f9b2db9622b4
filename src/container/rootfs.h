/* rootfs.h - detached mounts for a task, made by the launcher where host paths are still host paths. */
#ifndef GATE_CONTAINER_ROOTFS_H
#define GATE_CONTAINER_ROOTFS_H

#include "base/base.h"
#include "task/task.h"

/* The directory as it is (--rootfs DIR:rw). The path must be a directory and no symbolic link. */
int gate_root_bind(const char *path, bool read_only, int *tree, struct gate_err *err);
/* Copy-on-write: `lower` from the top layer down; upper and work directories are made below `work` (a descriptor of an
 * empty directory). `userns`: the user namespace whose ids the layers' owners are shown as (id-mapped, Linux 5.19), or -1;
 * the tree itself cannot be id-mapped. A kernel that cannot (overlay on that file system) is said in one sentence. */
int gate_root_overlay(const char *const *lower, size_t n, int work, int userns, bool read_only, int *tree,
                      struct gate_err *err);
/* One volume of kind BIND: opened once (O_PATH, no magic links), cloned, attributes set. `userns`: a user namespace that the
 * tree is id-mapped with, or -1. Where cloning is not permitted (rootless: the mounts belong to another namespace) *tree is
 * -1 and *object the O_PATH descriptor for a BIND row. *directory tells what it is. */
int gate_volume_tree(const struct gate_volume *v, int userns, int *tree, int *object, bool *directory,
                     struct gate_err *err);
/* An own tree id-mapped (mount_setattr MOUNT_ATTR_IDMAP, 5.12), all of its mounts: UNSUPPORTED where the kernel cannot, as
 * for overlay, procfs, and trees that were attached before. */
int gate_tree_idmap(int tree, int userns, struct gate_err *err);

#endif
