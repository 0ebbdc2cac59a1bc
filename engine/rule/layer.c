/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a layer of a bundle may do to the definitions of others, and the condition that limits a
 * layer to its events. Called by the collecting half of the loader; without a bundle there is no
 * layer and everything is allowed, as in the incumbent.
 */
#include "engine/rule/bundle.h"
#include "engine/rule/loader.h"

bool layer_is_limited(const struct bundle_layer *layer)
{
	return layer && layer->condition.len;
}

static struct str layer_name(const struct bundle_layer *layer)
{
	return layer ? layer->name.s : STR("(no layer)");
}

bool layer_may_define(struct loader *l, const struct item *it, const struct bundle_layer *owner,
		      const struct place *old)
{
	struct diag *g;

	if (!l->layer)
		return true;
	g = report(l, DIAG_ERR_VALIDATE, &it->place,
		   "'%.*s' is already defined in layer '%.*s'", STR_ARG(it->name),
		   STR_ARG(layer_name(owner)));
	report_other(l, g, old);
	diag_hint(l->diags, g, "change it with 'override', or use another name");
	return false;
}

bool layer_may_change(struct loader *l, const struct item *it, const struct bundle_layer *owner,
		      const struct place *old)
{
	struct diag *g;

	if (!layer_is_limited(l->layer) || owner == l->layer)
		return true;
	g = report(l, DIAG_ERR_VALIDATE, &it->place,
		   "Layer '%.*s' is limited to some events: it can only append exceptions to '%.*s' "
		   "of layer '%.*s'", STR_ARG(l->layer->name.s), STR_ARG(it->name),
		   STR_ARG(layer_name(owner)));
	report_other(l, g, old);
	diag_hint(l->diags, g, "a change for all events belongs into a layer without 'events'");
	return false;
}

void layer_text(struct gen *g, const struct bundle_layer *layer, const struct source *src,
		uint32_t offset)
{
	gen_fixed(g, STR("("), src, offset);
	gen_fixed(g, layer->condition, src, offset);
	gen_fixed(g, STR(") and "), src, offset);
}
