/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled form of all active rules, shared by the compiler (compile.c), the evaluator (eval.c)
 * and the printer (dump.c).
 *
 * Atoms are the distinct checks of all rules: equal meaning, one number, one result per event.
 * Operands likewise: each distinct field or transformer is extracted once per event. What combines
 * atoms is jump code: each instruction tests one atom and goes on at one of two places; conditions
 * are specialised per event type, so checks of evt.type cost nothing at run time. Equal pieces of
 * code are shared between rules and types.
 *
 * Most rules are ruled out before their code runs: what the process says about the rules of a list,
 * what the text of fd.name says and so on are masks that are kept per class (classes.h) and ANDed;
 * for what is left, what they say together is kept, too (mix.h).
 *
 * The arena owns everything but atoms, code and slots, whose arrays grow, and the per-event tables,
 * which are allocated once.
 */
#ifndef TIERCEL_PROGRAM_H
#define TIERCEL_PROGRAM_H

#include "engine/match/compare.h"
#include "engine/match/classes.h"
#include "engine/match/facts.h"
#include "engine/match/match.h"
#include "engine/match/text_filter.h"
#include "engine/match/text_index.h"
#include "engine/match/value_set.h"

enum { PC_MATCH = 0xfffffffe, PC_FAIL = 0xffffffff };
enum { NO_SLOT = 0xffffffff, NO_BIT = 0xffffffff };

/* Shape of a check, most special first. */
enum atom_kind {
	ATOM_CHECK,	/* anything: compare_check */
	ATOM_EXISTS,	/* single value exists */
	ATOM_TEXT_EQ,	/* single text = constant */
	ATOM_TEXT_SET,	/* single text in set */
	ATOM_ANY_SET,	/* one of several texts in set */
	ATOM_TEXT_OP,	/* single text, any other operator, one constant */
	ATOM_INT,	/* single integer, comparison with one constant */
	ATOM_JOIN,	/* one of many conjunctions, see struct join */
	ATOM_COUNT
};

struct atom {
	const struct ast *check;	/* NULL: ATOM_JOIN */
	uint8_t kind;			/* enum atom_kind */
	uint8_t entity;			/* enum entity: what the result depends on */
	bool negate;			/* ATOM_TEXT_EQ: != */
	bool plain;			/* tested by code, not only within joins */
	bool open;			/* not known before the container has metadata */
	uint32_t left, right;		/* operand slots; right: NO_SLOT for constants */
	uint32_t fact;			/* number among the results of a process, or NO_BIT */
	uint32_t memo_bit;		/* number among the checks of a memo's slot, or NO_BIT */
	struct value_list consts;
	const struct value_set *set;
	compare_fn holds;		/* ATOM_TEXT_OP */
	const struct join *join;	/* ATOM_JOIN */
	/* Decided by the event type alone: types where it is known, and where it is true. */
	const struct evtset *type_known, *type_true;
};

struct insn {
	uint32_t atom;
	uint32_t yes, no;		/* instruction, PC_MATCH or PC_FAIL */
};

/* How the value of a slot comes from that of its key. */
enum text_piece {
	PIECE_SELF,	/* it is the key's */
	PIECE_BEGIN,	/* its beginning, or "/", or none */
	PIECE_END,	/* its end, or none */
	PIECE_ALIAS,	/* none where the key has none, else see enum text_relation */
};

/* One operand of the program and its values for the current event. */
struct slot {
	const struct operand *operand;
	/* field_info.stored of a single text, or NULL. */
	const struct istr *(*stored)(const struct field_ref *f, struct event_ctx *ctx);
	uint8_t entity;			/* enum entity: what its value depends on */
	bool single;			/* plain field with one value: no list needed */
	bool have;
	bool hashed;
	uint32_t class;			/* key slots: of truth, below; CLASS_NONE: no text */
	uint64_t epoch;			/* event for which the rest is valid */
	uint64_t hash;			/* of a single text */
	struct value_list values;
	struct value one;
	struct memo *memo;		/* of checks of this slot, or NULL */
	uint32_t key;			/* slot whose text is the key of the memo: itself mostly */
	uint32_t next;			/* next slot of the same memo, or NO_SLOT */
	/* Key slots: results for the text of the event truth_epoch. */
	uint64_t truth_epoch;
	const uint64_t *truth;
	/* Slots with a memo: checks that the index answers, and atoms of all others. */
	struct text_index index;
	const uint32_t *others;
	uint32_t nothers;
	const uint32_t *paths;		/* those of TEXT_ABOVE, for texts that are no plain paths */
	uint32_t npaths;
	const uint64_t *unequal;	/* bits of != */
	uint8_t piece;			/* enum text_piece: what the value is of the key's */
	uint32_t alias;			/* key slots: the slot that is PIECE_ALIAS, or NO_SLOT */
	struct text_filter *filter;	/* of stored texts; NULL: none */
	struct net_guard *nets; /* addresses with a memo, whose classes these give; or NULL */
};

/*
 * "(a = X1 and b = Y1 and ...) or (a = X2 and b = Y2 and ...) or ...", what exceptions become: one
 * look-up by the texts of a and b instead of a chain of checks.
 */
struct join_row {
	const struct str *key;		/* a text per key slot; NULL: free */
	uint64_t hash;
	uint32_t first, n;		/* conjunctions with this key */
};

struct join {
	const uint32_t *slots;		/* of the key */
	uint32_t nslots;
	const struct join_row *rows;	/* open addressing */
	uint32_t mask;
	uint32_t nkeys, nrows;
	/* What remains to be checked of a conjunction: atoms[conjs[i].first..], maybe none. */
	const struct join_conj {
		uint32_t first, n;
	} *conjs;
	const uint32_t *atoms;
};

struct rule_entry {
	const struct rule *rule;
	uint32_t pc;
};

/*
 * A check that is cheap and decides rules of a list by itself. Masks have one bit per rule: clear
 * where the rule cannot match any more when the check is true, or false.
 */
struct guard {
	uint32_t atom;
	uint32_t tried, hit;		/* lately: one that hardly ever decides is left out */
	const uint64_t *if_true, *if_false;
};

/* A text that decides rules of a list: see memo.h. */
struct text_guard {
	uint32_t slot;
	uint32_t list;			/* number of the rule list in the memo's classes */
	const uint64_t *decides;	/* rules that look at the text */
	const uint64_t *if_missing;	/* rules that can match when there is none */
	uint32_t filter_list;		/* number of the list in slot.filter, or NO_SLOT */
};

#define RULE_TEXTS_MAX 6
#define CLASS_NONE UINT32_MAX
#define RULE_WORDS_MAX 1024		/* longer lists are evaluated without masks */

/*
 * Rules of one source that can match one event type, in evaluation order. Types with equal lists
 * share one.
 */
struct rule_list {
	const struct rule_entry *entries;
	uint32_t n;
	uint32_t words;			/* of a mask; 0: no masks */
	struct guard *guards;
	uint32_t nguards;
	struct text_guard *texts;		/* of the event, stored ones first */
	uint32_t ntexts, nstored;
	const struct text_guard *early;	/* stored text whose filter is asked first, or NULL */
	uint32_t process_list;		/* number in the classes of processes, or NO_SLOT */
	const uint64_t *process_rules;	/* rules that look at the process */
	struct mix_table *mixes;		/* see mix.h */
};

/* A text of the process with a memo: where its results are in those of the process. */
struct process_text {
	uint32_t slot, word;
};

struct source_rules {
	struct str source;
	struct rule_list *types[EVENT_TYPE_COUNT];	/* NULL: no rule */
};

struct matcher {
	struct arena arena;
	const struct ruleset *rules;
	struct limits *limits;
	struct match_opts opts;
	struct evtset events;
	struct atom *atoms;
	uint32_t natoms, atoms_cap;
	struct insn *code;
	uint32_t ncode, code_cap;
	struct slot *slots;
	uint32_t nslots, slots_cap;
	struct source_rules **sources;
	uint32_t nsources, sources_cap;
	/*
	 * Source of the last event that had one of ours: its text is a constant, so is the address.
	 */
	const char *last_text;
	const struct source_rules *last_source;
	uint64_t epoch;
	uint64_t *results;		/* per atom: epoch << 1 | truth */
	uint64_t *live;			/* mask of the rules that can still match */
	struct match_cost *rule_costs, *atom_costs;	/* NULL without matcher_profile() */
	struct facts_table facts;
	struct classes processes;
	const uint64_t *process;	/* results for the process of the event, or NULL */
	uint32_t mix_stamp;		/* rises when classes of texts are forgotten */
	struct process_text *process_texts;
	uint32_t nprocess_texts;
	uint32_t *process_atoms;	/* other checks of the process */
	uint32_t nprocess_atoms;
	/* For walks over the code: nodes seen in the current walk, nodes to visit. */
	uint32_t *seen, *atom_seen, *stack;
	uint32_t walk;
	uint64_t memo_bytes;		/* of all memos together */
	uint64_t *text_truth;		/* results of checks of a new text */
	uint64_t *no_truth;		/* of a text that is missing: all false */
	uint64_t *process_truth;	/* of a new process */
};

/* What a check depends on: how long its result stays valid. */
enum entity {
	ENTITY_EVENT,		/* this event only */
	ENTITY_TYPE,		/* the event type */
	ENTITY_PROCESS,		/* the thread, its group, ancestors and container */
	ENTITY_COUNT
};

enum entity entity_of(const struct ast *check);
enum entity entity_of_operand(const struct operand *op);

/* Does this operand have at most one value, a plain field? */
bool operand_is_single(const struct operand *op);

/* Rules of the event's type (NULL: none); for profile.c. */
const struct rule_list *eval_rules_of(struct matcher *m, const struct event_ctx *ctx);
/* Text of a check. */
void matcher_dump_check(const struct matcher *m, uint32_t atom, struct buf *out);

/* 0 or -ENOMEM. */
int compile_rules(struct matcher *m);
/* Guards and memos of all lists; after compile_rules(). 0 or -ENOMEM. */
int guard_prepare(struct matcher *m);
/* A check of an event that costs no more than one of a number. */
bool guard_is_cheap(const struct atom *a);
/* The memos of slots, and what is kept in them. 0 or -ENOMEM. */
int guard_memo_prepare(struct matcher *m);
/* pmatch with paths that have no patterns: true for these and everything below. */
bool guard_text_plain_pmatch(const struct atom *a);
/* slot.index and the lists beside it, of a slot with a memo and its atoms. 0 or -ENOMEM. */
int guard_text_prepare(struct matcher *m, uint32_t slot, const uint32_t *atoms, uint32_t n);
/* A check of addresses against constants, in any form. */
bool guard_is_net_check(const struct atom *a);
/* slot.nets of a slot with a memo. 0 or -ENOMEM. */
int guard_net_prepare(struct matcher *m, uint32_t slot);
/* The class of the slot's addresses, 0: no memory. */
uint32_t guard_net_class(struct matcher *m, const struct slot *s);
/* slot.filter of a memo's key. 0 or -ENOMEM. */
int text_filter_prepare(struct matcher *m, uint32_t slot);

/* What a walk over the code of a rule knows about an atom. */
enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };
typedef enum truth (*guard_truth_fn)(void *ctx, uint32_t atom);
/* Can the code at `pc` still end like that (PC_MATCH, PC_FAIL)? When in doubt: yes. */
bool guard_can_end(struct matcher *m, uint32_t pc, uint32_t end, guard_truth_fn truth, void *ctx);
static inline bool guard_can_match(struct matcher *m, uint32_t pc, guard_truth_fn truth, void *ctx)
{
	return guard_can_end(m, pc, PC_MATCH, truth, ctx);
}

/* atom.open of all atoms. */
void foresee_prepare(struct matcher *m);

#endif
