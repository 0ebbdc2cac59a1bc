/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the generator of traces: gen_trace.c has the options, the population and the file,
 * gen_ops.c what its processes do. One struct gen, owned by gen_trace.c, is all of the memory.
 */
#pragma once

#include "engine/event/event_info.h"
#include "engine/event/scap.h"

enum {
	FDS_MAX = 24,		/* open at a time in one process, beside 0..2 */
	SHORT_MAX = 48,		/* short-lived programs at a time */
	NAME_BYTES = 160,
	CPUS = 4,
	FIRST_PID = 1000,
	MAP_PID = 4194304,
};

#define GEN_ENVIRONMENT "PATH=/usr/local/bin:/usr/bin:/bin\0HOME=/root\0LANG=C.UTF-8"

/* What a sensor was asked for when it captured. */
enum gen_mix {
	MIX_RULES, /* what rules and their state need: openat and close are most of it */
	MIX_ALL,   /* every system call, scheduler switches and page faults */
	MIXES,
};

struct image {
	const char *path, *comm, *args;	/* args: separated by blanks */
	bool starts_programs;		/* a shell below a network server would be an alert */
};

struct process {
	int64_t tid, ptid;
	const struct image *image;
	uint32_t uid;
	unsigned container;	/* 0: host */
	uint32_t left;		/* actions until it ends; 0: never */
	unsigned nfds;
	struct { int64_t fd; bool socket; } fds[FDS_MAX];
};

struct options {
	uint64_t events, seed, alert_every;
	unsigned processes, paths;
	enum gen_mix mix;
	bool gzip;
	const char *out;
};

struct gen {
	struct options opt;
	struct scap_writer *w;
	uint64_t rng, ts, events, next_alert;
	int64_t next_pid;
	struct process *daemons;
	struct process shorts[SHORT_MAX];
	unsigned nshorts;
	/* The event under construction, by parameter. */
	struct str v[EVENT_PARAMS_MAX];
	uint64_t num[EVENT_PARAMS_MAX];
	char path[NAME_BYTES], cgroup[NAME_BYTES], args[NAME_BYTES];
	uint8_t tuple[13], addr[7];
	int err;
};

/* The next random number below a bound; the same seed gives the same numbers everywhere. */
uint64_t gen_rnd(struct gen *g, uint64_t below);

/* One action of one process: an event or a few. */
void gen_step(struct gen *g);

/*
 * The cgroup list of a container, 0 the host; and the arguments of a program in wire form. Borrowed
 * from g.
 */
const char *gen_cgroup(struct gen *g, unsigned container);
struct str gen_args(struct gen *g, const struct image *image);
