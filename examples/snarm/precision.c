#define _GNU_SOURCE
#include "precision.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 3 };
static const char *const parts[PARTS] = {"backbone", "search", "scorer"};
static const char *const names[] = {
    [SNARM_PRECISION_AUTO] = "auto",
    [SNARM_PRECISION_F32] = "f32",
    [SNARM_PRECISION_BF16] = "bf16",
    [SNARM_PRECISION_INT8] = "int8",
};
enum { NAMES = sizeof names / sizeof *names };

const char *precision_name(int32_t precision) {
    /* Of a newer library: the command goes on, and says what it can. */
    return precision >= 0 && precision < NAMES ? names[precision] : "unknown";
}

int32_t precision_of(const char *name) {
    int32_t precision = SNARM_PRECISION_AUTO;
    while (precision < NAMES - 1 && strcmp(names[precision], name) != 0)
        precision++;
    return precision;
}

/* "backbone, scorer: WHY; search: WHY": parts with one reason stand together. */
static char *join_notes(const char *const notes[PARTS]) {
    char *text = format_text("%s", "");
    bool told[PARTS] = {false};
    for (int i = 0; i < PARTS; i++) {
        if (told[i] || notes[i][0] == '\0')
            continue;
        char *who = format_text("%s", parts[i]);
        for (int j = i + 1; j < PARTS; j++)
            if (strcmp(notes[i], notes[j]) == 0) {
                char *longer = format_text("%s, %s", who, parts[j]);
                free(who);
                who = longer;
                told[j] = true;
            }
        char *longer = format_text("%s%s%s: %s", text, text[0] == '\0' ? "" : "; ", who, notes[i]);
        free(text);
        free(who);
        text = longer;
    }
    return text;
}

json_t *precision_facts(int32_t asked, const snarm_backbone *backbone, const snarm_bank *bank, const snarm_scorer *scorer) {
    snarm_backbone_info network = {.struct_size = sizeof network};
    snarm_bank_search_info search = {.struct_size = sizeof search};
    snarm_scorer_info heads = {.struct_size = sizeof heads};
    const char *used[PARTS] = {NULL}, *notes[PARTS] = {"", "", ""};
    if (backbone != NULL && snarm_backbone_get_info(backbone, &network) == SNARM_OK)
        used[0] = precision_name(network.precision), notes[0] = network.precision_note;
    if (bank != NULL && snarm_bank_get_search(bank, &search) == SNARM_OK)
        used[1] = precision_name(search.precision), notes[1] = search.precision_note;
    if (scorer != NULL && snarm_scorer_get_info(scorer, &heads) == SNARM_OK)
        used[2] = precision_name(heads.precision), notes[2] = heads.precision_note;
    json_t *facts = must_have(json_object());
    json_add(facts, "asked", json_text(precision_name(asked)));
    for (int i = 0; i < PARTS; i++)
        json_add(facts, parts[i], used[i] != NULL ? json_text(used[i]) : must_have(json_null()));
    char *note = join_notes(notes);
    json_add(facts, "note", json_text(note));
    free(note);
    return facts;
}

json_t *precision_facts_of(int32_t asked, const snarm_detector *detector) {
    return precision_facts(asked, snarm_detector_backbone(detector), snarm_detector_bank(detector),
                           snarm_detector_scorer(detector));
}

char *precision_line(const json_t *facts) {
    char *line = format_text("%s", "");
    for (int i = 0; i < PARTS; i++) {
        const char *used = json_string_value(json_object_get(facts, parts[i]));
        if (used == NULL)
            continue;
        char *longer = format_text("%s%s%s %s", line, line[0] == '\0' ? "" : ", ", parts[i], used);
        free(line);
        line = longer;
    }
    const char *note = json_string_value(json_object_get(facts, "note"));
    if (note == NULL || note[0] == '\0')
        return line;
    char *longer = format_text("%s (%s)", line, note);
    free(line);
    return longer;
}
