/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of calls that take paths; see cases.h. */
#include <dirent.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include "kernel-tests/cases.h"

#define LAYERS (WO_UPPER_LAYER | WO_LOWER_LAYER)
#define SEEN_FLAGS (~(uint64_t)LAYERS)

static void run_open(struct want *w)
{
	int fd = call(w, "open.txt", O_RDWR | O_CREAT | O_TRUNC, 0640);

	want_text(w, OPEN_X_name, "open.txt");
	want_bits(w, OPEN_X_flags, SEEN_FLAGS, WO_RDWR | WO_CREAT | WO_TRUNC | WO_F_CREATED);
	want_num(w, OPEN_X_mode, 0640);
	case_want_inode(w, fd, OPEN_X_dev, OPEN_X_ino);
	case_want_path(w, "open.txt");
}

static void run_openat(struct want *w)
{
	int dir, fd;

	mkdir("sub", 0700);
	dir = open("sub", O_RDONLY | O_DIRECTORY);
	fd = call(w, dir, "../openat.txt", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
		  0604);
	want_num(w, OPENAT_2_X_dirfd, dir);
	want_text(w, OPENAT_2_X_name, "../openat.txt");
	want_bits(w, OPENAT_2_X_flags, SEEN_FLAGS,
		  WO_WRONLY | WO_CREAT | WO_EXCL | WO_APPEND | WO_CLOEXEC | WO_F_CREATED);
	want_num(w, OPENAT_2_X_mode, 0604);
	case_want_inode(w, fd, OPENAT_2_X_dev, OPENAT_2_X_ino);
	case_want_path(w, "openat.txt");
}

static void run_openat2(struct want *w)
{
	struct open_how how = { .flags = O_RDWR | O_CREAT,
				.mode = 0600,
				.resolve = RESOLVE_BENEATH };
	int fd = call(w, AT_FDCWD, "openat2.txt", &how, sizeof(how));

	want_num(w, OPENAT2_X_dirfd, AT_FDCWD);
	want_text(w, OPENAT2_X_name, "openat2.txt");
	want_bits(w, OPENAT2_X_flags, SEEN_FLAGS, WO_RDWR | WO_CREAT | WO_F_CREATED);
	want_num(w, OPENAT2_X_mode, 0600);
	want_num(w, OPENAT2_X_resolve, case_flag(FLAG_TABLE_openat2_flags, "RESOLVE_BENEATH"));
	case_want_inode(w, fd, OPENAT2_X_dev, OPENAT2_X_ino);
	case_want_path(w, "openat2.txt");
}

static void run_creat(struct want *w)
{
	int fd = call(w, "creat.txt", 0611);

	want_text(w, CREAT_X_name, "creat.txt");
	want_num(w, CREAT_X_mode, 0611);
	case_want_inode(w, fd, CREAT_X_dev, CREAT_X_ino);
	case_want_path(w, "creat.txt");
}

static void run_open_by_handle_at(struct want *w)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, fd, dir = open(".", O_RDONLY);

	close(case_file("handle.txt", "x"));
	if (name_to_handle_at(AT_FDCWD, "handle.txt", &u.h, &mount_id, 0))
		return want_skip(w, "this file system has no handles: %s", strerror(errno));
	fd = call(w, dir, &u.h, O_RDONLY);
	want_num(w, OPEN_BY_HANDLE_AT_X_mountfd, dir);
	want_bits(w, OPEN_BY_HANDLE_AT_X_flags, SEEN_FLAGS, WO_RDONLY);
	if (fd < 0)
		return;
	case_want_inode(w, fd, OPEN_BY_HANDLE_AT_X_dev, OPEN_BY_HANDLE_AT_X_ino);
	want_filled(w, OPEN_BY_HANDLE_AT_X_path);
}

static void run_stat(struct want *w)
{
	struct stat st;

	call(w, "/proc/self", &st);
	want_text(w, STAT_X_path, "/proc/self");
}

static void run_lstat(struct want *w)
{
	struct stat st;

	call(w, "missing", &st);
	want_text(w, LSTAT_X_path, "missing");
}

static void run_newfstatat(struct want *w)
{
	struct stat st;

	call(w, AT_FDCWD, "/", &st, AT_SYMLINK_NOFOLLOW);
	want_num(w, NEWFSTATAT_X_dirfd, AT_FDCWD);
	want_text(w, NEWFSTATAT_X_path, "/");
	want_num(w, NEWFSTATAT_X_flags, AT_SYMLINK_NOFOLLOW);
}

static void run_access(struct want *w)
{
	call(w, "/etc", R_OK | X_OK);
	want_text(w, ACCESS_X_name, "/etc");
	want_num(w, ACCESS_X_mode, R_OK | X_OK);
}

static void run_getcwd(struct want *w)
{
	char cwd[256];

	call(w, cwd, sizeof(cwd));
	want_text(w, GETCWD_X_path, case_dir());
}

static void run_chdir(struct want *w)
{
	mkdir("chdir", 0700);
	call(w, "chdir");
	want_text(w, CHDIR_X_path, "chdir");
}

static void run_chroot(struct want *w)
{
	mkdir("chroot", 0700);
	call(w, "chroot");
	want_text(w, CHROOT_X_path, "chroot");
}

static void run_mkdir(struct want *w)
{
	call(w, "mkdir", 0711);
	want_text(w, MKDIR_2_X_path, "mkdir");
	want_num(w, MKDIR_2_X_mode, 0711);
}

static void run_mkdirat(struct want *w)
{
	int dir = open(".", O_RDONLY);

	call(w, dir, "mkdirat", 0701);
	want_num(w, MKDIRAT_X_dirfd, dir);
	want_text(w, MKDIRAT_X_path, "mkdirat");
	want_num(w, MKDIRAT_X_mode, 0701);
}

static void run_rmdir(struct want *w)
{
	mkdir("rmdir", 0700);
	call(w, "rmdir");
	want_text(w, RMDIR_2_X_path, "rmdir");
}

static void run_unlink(struct want *w)
{
	close(case_file("unlink", "x"));
	call(w, "unlink");
	want_text(w, UNLINK_2_X_path, "unlink");
}

static void run_unlinkat(struct want *w)
{
	mkdir("unlinkat", 0700);
	call(w, AT_FDCWD, "unlinkat", AT_REMOVEDIR);
	want_num(w, UNLINKAT_2_X_dirfd, AT_FDCWD);
	want_text(w, UNLINKAT_2_X_name, "unlinkat");
	want_num(w, UNLINKAT_2_X_flags, AT_REMOVEDIR);
}

static void run_rename(struct want *w)
{
	close(case_file("rename.a", "x"));
	call(w, "rename.a", "rename.b");
	want_text(w, RENAME_X_oldpath, "rename.a");
	want_text(w, RENAME_X_newpath, "rename.b");
}

static void run_renameat(struct want *w)
{
	int dir = open(".", O_RDONLY);

	close(case_file("renameat.a", "x"));
	call(w, AT_FDCWD, "renameat.a", dir, "renameat.b");
	want_num(w, RENAMEAT_X_olddirfd, AT_FDCWD);
	want_text(w, RENAMEAT_X_oldpath, "renameat.a");
	want_num(w, RENAMEAT_X_newdirfd, dir);
	want_text(w, RENAMEAT_X_newpath, "renameat.b");
}

static void run_renameat2(struct want *w)
{
	close(case_file("renameat2.a", "x"));
	call(w, AT_FDCWD, "renameat2.a", AT_FDCWD, "renameat2.b", RENAME_NOREPLACE);
	want_text(w, RENAMEAT2_X_oldpath, "renameat2.a");
	want_text(w, RENAMEAT2_X_newpath, "renameat2.b");
	want_num(w, RENAMEAT2_X_flags, RENAME_NOREPLACE);
}

static void run_link(struct want *w)
{
	close(case_file("link.a", "x"));
	call(w, "link.a", "link.b");
	want_text(w, LINK_2_X_oldpath, "link.a");
	want_text(w, LINK_2_X_newpath, "link.b");
}

static void run_linkat(struct want *w)
{
	close(case_file("linkat.a", "x"));
	call(w, AT_FDCWD, "linkat.a", AT_FDCWD, "linkat.b", AT_SYMLINK_FOLLOW);
	want_num(w, LINKAT_2_X_olddir, AT_FDCWD);
	want_text(w, LINKAT_2_X_oldpath, "linkat.a");
	want_num(w, LINKAT_2_X_newdir, AT_FDCWD);
	want_text(w, LINKAT_2_X_newpath, "linkat.b");
	want_num(w, LINKAT_2_X_flags, AT_SYMLINK_FOLLOW);
}

static void run_symlink(struct want *w)
{
	call(w, "/target", "symlink");
	want_text(w, SYMLINK_X_target, "/target");
	want_text(w, SYMLINK_X_linkpath, "symlink");
}

static void run_symlinkat(struct want *w)
{
	int dir = open(".", O_RDONLY);

	call(w, "/target", dir, "symlinkat");
	want_text(w, SYMLINKAT_X_target, "/target");
	want_num(w, SYMLINKAT_X_linkdirfd, dir);
	want_text(w, SYMLINKAT_X_linkpath, "symlinkat");
}

static void run_chmod(struct want *w)
{
	close(case_file("chmod", "x"));
	call(w, "chmod", 04755);
	want_text(w, CHMOD_X_filename, "chmod");
	want_num(w, CHMOD_X_mode, 04755);
}

static void run_fchmodat(struct want *w)
{
	close(case_file("fchmodat", "x"));
	call(w, AT_FDCWD, "fchmodat", 0711);
	want_num(w, FCHMODAT_X_dirfd, AT_FDCWD);
	want_text(w, FCHMODAT_X_filename, "fchmodat");
	want_num(w, FCHMODAT_X_mode, 0711);
}

static void run_chown(struct want *w)
{
	close(case_file("chown", "x"));
	call(w, "chown", 12, 34);
	want_text(w, CHOWN_X_path, "chown");
	want_num(w, CHOWN_X_uid, 12);
	want_num(w, CHOWN_X_gid, 34);
}

static void run_lchown(struct want *w)
{
	case_symlink("/nowhere", "lchown");
	call(w, "lchown", 12, -1);
	want_text(w, LCHOWN_X_path, "lchown");
	want_num(w, LCHOWN_X_uid, 12);
	want_num(w, LCHOWN_X_gid, (uint32_t)-1);
}

static void run_fchownat(struct want *w)
{
	close(case_file("fchownat", "x"));
	call(w, AT_FDCWD, "fchownat", 5, 6, AT_SYMLINK_NOFOLLOW);
	want_num(w, FCHOWNAT_X_dirfd, AT_FDCWD);
	want_text(w, FCHOWNAT_X_pathname, "fchownat");
	want_num(w, FCHOWNAT_X_uid, 5);
	want_num(w, FCHOWNAT_X_gid, 6);
	want_num(w, FCHOWNAT_X_flags,
		 case_flag(FLAG_TABLE_fchownat_flags, "AT_SYMLINK_NOFOLLOW"));
}

static void run_mknod(struct want *w)
{
	call(w, "mknod", S_IFIFO | 0600, 0);
	want_text(w, MKNOD_X_path, "mknod");
	want_num(w, MKNOD_X_mode, S_IFIFO | 0600);
	want_num(w, MKNOD_X_dev, 0);
}

static void run_mknodat(struct want *w)
{
	call(w, AT_FDCWD, "mknodat", S_IFREG | 0644, 0);
	want_num(w, MKNODAT_X_dirfd, AT_FDCWD);
	want_text(w, MKNODAT_X_path, "mknodat");
	want_num(w, MKNODAT_X_mode, S_IFREG | 0644);
}

/* What is mounted from now on is seen by this process only. */
static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_PRIVATE | MS_REC, NULL))
		perror("private mounts");
}

static void run_mount(struct want *w)
{
	private_mounts();
	mkdir("mnt", 0700);
	call(w, "ktest", "mnt", "tmpfs", MS_NOSUID | MS_NOEXEC, NULL);
	want_text(w, MOUNT_X_dev, "ktest");
	want_text(w, MOUNT_X_dir, "mnt");
	want_text(w, MOUNT_X_type, "tmpfs");
	want_num(w, MOUNT_X_flags, MS_NOSUID | MS_NOEXEC);
}

static void run_umount2(struct want *w)
{
	private_mounts();
	mkdir("mnt2", 0700);
	mount("ktest", "mnt2", "tmpfs", 0, NULL);
	call(w, "mnt2", MNT_DETACH);
	want_text(w, UMOUNT2_X_name, "mnt2");
	want_num(w, UMOUNT2_X_flags, MNT_DETACH);
}

static const struct kcase rows[] = {
	{ EV_OPEN_X, __NR_open, run_open },
	{ EV_OPENAT_2_X, __NR_openat, run_openat },
	{ EV_OPENAT2_X, __NR_openat2, run_openat2 },
	{ EV_CREAT_X, __NR_creat, run_creat },
	{ EV_OPEN_BY_HANDLE_AT_X, __NR_open_by_handle_at, run_open_by_handle_at },
	{ EV_STAT_X, __NR_stat, run_stat },
	{ EV_LSTAT_X, __NR_lstat, run_lstat },
	{ EV_NEWFSTATAT_X, __NR_newfstatat, run_newfstatat },
	{ EV_ACCESS_X, __NR_access, run_access },
	{ EV_GETCWD_X, __NR_getcwd, run_getcwd },
	{ EV_CHDIR_X, __NR_chdir, run_chdir },
	{ EV_CHROOT_X, __NR_chroot, run_chroot },
	{ EV_MKDIR_2_X, __NR_mkdir, run_mkdir },
	{ EV_MKDIRAT_X, __NR_mkdirat, run_mkdirat },
	{ EV_RMDIR_2_X, __NR_rmdir, run_rmdir },
	{ EV_UNLINK_2_X, __NR_unlink, run_unlink },
	{ EV_UNLINKAT_2_X, __NR_unlinkat, run_unlinkat },
	{ EV_RENAME_X, __NR_rename, run_rename },
	{ EV_RENAMEAT_X, __NR_renameat, run_renameat },
	{ EV_RENAMEAT2_X, __NR_renameat2, run_renameat2 },
	{ EV_LINK_2_X, __NR_link, run_link },
	{ EV_LINKAT_2_X, __NR_linkat, run_linkat },
	{ EV_SYMLINK_X, __NR_symlink, run_symlink },
	{ EV_SYMLINKAT_X, __NR_symlinkat, run_symlinkat },
	{ EV_CHMOD_X, __NR_chmod, run_chmod },
	{ EV_FCHMODAT_X, __NR_fchmodat, run_fchmodat },
	{ EV_CHOWN_X, __NR_chown, run_chown },
	{ EV_LCHOWN_X, __NR_lchown, run_lchown },
	{ EV_FCHOWNAT_X, __NR_fchownat, run_fchownat },
	{ EV_MKNOD_X, __NR_mknod, run_mknod },
	{ EV_MKNODAT_X, __NR_mknodat, run_mknodat },
	{ EV_MOUNT_X, __NR_mount, run_mount },
	{ EV_UMOUNT2_X, __NR_umount2, run_umount2 },
};

const struct kcase_table case_path = { "path", rows, ARRAY_SIZE(rows) };
