/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the cases; run in the process of a case. */
#include "kernel-tests/cases.h"

long case_call(struct want *w, long a, long b, long c, long d, long e, long f)
{
	pid_t self = getpid();
	long r = syscall(w->nr, a, b, c, d, e, f);

	if (getpid() != self)
		_exit(0);	/* the child of a fork under test has nothing to say */
	w->ret = r == -1 ? -errno : r;
	w->called = true;
	if (event_infos[w->event].nparams)
		want_num(w, 0, w->ret);
	return w->ret;
}

uint64_t case_flag(enum flag_table_id table, const char *name)
{
	for (uint32_t i = 0; i < flag_tables[table].count; i++)
		if (!strcmp(flag_tables[table].rows[i].name, name))
			return flag_tables[table].rows[i].value;
	fprintf(stderr, "no flag %s in table %s\n", name, flag_tables[table].name);
	_exit(1);
}

const char *case_dir(void)
{
	static char dir[200];

	return getcwd(dir, sizeof(dir)) ? dir : "";
}

int case_file(const char *name, const char *content)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd >= 0 && write(fd, content, strlen(content)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void case_symlink(const char *target, const char *name)
{
	if (symlink(target, name))
		perror(name);
}

void case_want_inode(struct want *w, int fd, unsigned dev, unsigned ino)
{
	struct stat st;

	if (fstat(fd, &st))
		return;
	want_num(w, dev, st.st_dev);
	want_num(w, ino, st.st_ino);
}

void case_want_path(struct want *w, const char *name)
{
	snprintf(w->path, sizeof(w->path), "%s/%s", case_dir(), name);
	w->kind = FD_FILE_V2;
}
