/* SPDX-License-Identifier: Apache-2.0 */
/* stix PATTERNS.json OBSERVATIONS.json SECONDS [stream]: how many pairs of pattern and observation are
 * decided in a second of CPU on one thread, patterns compiled and observations read before; then
 * what compiling one takes, and hits as a check. With stream: by the list that holds many patterns
 * against a stream, its index made before; pairs, observations and hits of the first round. */
#include "bench.h"
#include "core/mem.h"
#include "net/json_memory.h"
#include "shield/stix_pattern.h"
#include "shield/watchlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct bench {
    struct kp_stix_pattern **pattern;
    size_t patterns, pairs, hits, seen;
    const char **text;
    struct kp_watchlist *list;
};

static struct kp_tree *read_json(const char *file, struct kp_arena *arena)
{
    struct kp_buf b;
    struct kp_tree *tree = NULL;
    struct kp_err err = { 0 };
    FILE *f = fopen(file, "rb");
    kp_buf_init(&b, 64 << 20);
    size_t n = f != NULL;
    for (char *room; n && (room = kp_buf_room(&b, 1 << 16)); b.len += n)
        n = fread(room, 1, 1 << 16, f);
    if (!f || kp_tree_read(kp_buf_text(&b), b.len, arena, &tree, &err)) {
        fprintf(stderr, "%s: %s\n", file, f ? err.text : "it cannot be read");
        exit(1);
    }
    fclose(f);
    return tree;
}

static bool take(void *arg, const struct kp_stix_observation *o)
{
    struct bench *b = arg;
    struct kp_stix_hit hit;
    struct kp_err err = { 0 };
    for (size_t i = 0; i < b->patterns; i++, b->pairs++) {
        kp_stix_pattern_take(b->pattern[i], o, &hit, &err);
        b->hits += hit.n > 0;
    }
    return err.code == KP_OK;
}

static void compile(struct bench *b, const struct kp_tree *list)
{
    struct kp_err err = { 0 };
    b->pattern = kp_alloc((list->n + 1) * sizeof(struct kp_stix_pattern *));
    double start = cpu();
    for (const struct kp_tree *v = list->first; v && b->pattern; v = v->next) {
        struct kp_stix_pattern *p = kp_stix_pattern_new(v->text, v->n, &err);
        if (!p) {
            fprintf(stderr, "%s: %s\n", v->text, err.text);
            exit(1);
        }
        b->pattern[b->patterns++] = p;
    }
    printf("compiled %.6g\n", (double)b->patterns / (cpu() - start));
}

/* ---- the stream ---- */
static const char *text_of(void *arg, int64_t id, struct kp_arena *arena)
{
    return kp_arena_strdup(arena, ((struct bench *)arg)->text[id]);
}

static void met(void *arg, int64_t id, const struct kp_stix_hit *hit)
{
    (void)id;
    (void)hit;
    ((struct bench *)arg)->hits++;
}

static bool flow(void *arg, const struct kp_stix_observation *o)
{
    struct bench *b = arg;
    struct kp_err err = { 0 };
    const struct kp_watchlist_user user = { b, text_of, met };
    b->pairs += b->patterns;
    b->seen++;
    return kp_watchlist_take(b->list, o, &user, &err) == KP_OK;
}

static void list_all(struct bench *b, const struct kp_tree *list)
{
    struct kp_err err = { 0 };
    double start = cpu();
    b->list = kp_watchlist_new();
    b->text = kp_alloc((list->n + 1) * sizeof *b->text);
    kp_watchlist_begin(b->list);
    for (const struct kp_tree *v = list->first; v; v = v->next) {
        b->text[b->patterns] = v->text;
        if (kp_watchlist_add(b->list, (int64_t)b->patterns++, v->text, v->n, INT64_MIN, INT64_MAX, &err)) {
            fprintf(stderr, "%s: %s\n", v->text, err.text);
            exit(1);
        }
    }
    if (kp_watchlist_end(b->list, &err))
        exit(1);
    printf("listed %.6g\n", (double)b->patterns / (cpu() - start));
}

static int stream(struct bench *b, const struct kp_tree *patterns, const struct kp_tree *seen,
                  double seconds)
{
    struct kp_err err = { 0 };
    size_t first = 0, rounds = 0;
    list_all(b, patterns);
    double start = cpu(), used = 0;
    for (; used < seconds; used = cpu() - start) {
        struct kp_arena mine = { 0 };
        if (kp_stix_observations(seen, &mine, flow, b, &err))
            return 1;
        first = rounds++ ? first : b->hits;
        kp_arena_free(&mine);
    }
    printf("pairs %.6g\nobservations %.6g\nhits %zu\n", (double)b->pairs / used, (double)b->seen / used, first);
    return 0;
}

int main(int argc, char **argv)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct bench b = { 0 };
    if (argc != 4 && argc != 5)
        return 2;
    kp_json_memory_init();
    if (argc == 5)
        return stream(&b, read_json(argv[1], &arena), read_json(argv[2], &arena), strtod(argv[3], NULL));
    compile(&b, read_json(argv[1], &arena));
    struct kp_tree *seen = read_json(argv[2], &arena);
    double start = cpu(), used = 0;
    size_t first = 0;
    for (; used < strtod(argv[3], NULL); used = cpu() - start) {
        struct kp_arena mine = { 0 };
        for (size_t i = 0; i < b.patterns; i++)
            kp_stix_pattern_forget(b.pattern[i]);
        if (kp_stix_observations(seen, &mine, take, &b, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        first = first ? first : b.hits;
        kp_arena_free(&mine);
    }
    printf("pairs %.6g\nhits %zu\n", (double)b.pairs / used, first);
    return 0;
}
