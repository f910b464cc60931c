/* Runs models in ONNX Runtime, for an emulator to count: each once to warm up, then so often between two marks (see counts.c).
 *   runs RUNS [--entry KEY=VALUE] MODEL INPUTS [MODEL INPUTS ...]
 * INPUTS is a file of tensors, each a line "name type rank extents..." and, after it, its bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "onnxruntime_c_api.h"

enum { MOST = 64, NAMES = 256 };

static const OrtApi *api;

static void check(OrtStatus *status, const char *what)
{
    if (!status) return;
    fprintf(stderr, "failed %s: %s\n", what, api->GetErrorMessage(status));
    exit(2);
}

static void mark(void) { close(-777); }

int main(int argc, char **argv)
{
    api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    if (!api || argc < 2) return 1;
    const int runs = atoi(argv[1]);
    OrtEnv *env;
    OrtSessionOptions *options;
    OrtMemoryInfo *memory;
    check(api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "runs", &env), "the environment");
    check(api->DisableTelemetryEvents(env), "telemetry");
    check(api->CreateSessionOptions(&options), "options");
    check(api->SetIntraOpNumThreads(options, 1), "threads");
    check(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), "memory");
    int at = 2;
    for (; at + 1 < argc && !strcmp(argv[at], "--entry"); at += 2)
    {
        char *value = strchr(argv[at + 1], '=');
        if (!value) return 1;
        *value = 0;
        check(api->AddSessionConfigEntry(options, argv[at + 1], value + 1), argv[at + 1]);
    }
    for (; at + 1 < argc; at += 2)
    {
        OrtSession *session;
        OrtAllocator *allocator;
        OrtStatus *refused = api->CreateSession(env, argv[at], options, &session);
        if (refused)
        {
            fprintf(stderr, "refused %s: %s\n", argv[at], api->GetErrorMessage(refused));
            api->ReleaseStatus(refused);
            continue;
        }
        check(api->GetAllocatorWithDefaultOptions(&allocator), "the allocator");
        FILE *file = fopen(argv[at + 1], "rb");
        if (!file) return 1;
        static char names[MOST][NAMES];
        const char *inputs[MOST], *outputs[MOST];
        OrtValue *values[MOST], *results[MOST];
        size_t count = 0, made = 0, rank;
        int type;
        while (count < MOST && fscanf(file, "%255s %d %zu", names[count], &type, &rank) == 3 && rank <= 8)
        {
            int64_t extents[8];
            for (size_t i = 0; i < rank; i++)
            {
                long long extent;
                if (fscanf(file, "%lld", &extent) != 1) return 1;
                extents[i] = extent;
            }
            fgetc(file);
            void *bytes;
            size_t size;
            check(api->CreateTensorAsOrtValue(allocator, extents, rank, type, &values[count]), "an input");
            check(api->GetTensorSizeInBytes(values[count], &size), "its size");
            check(api->GetTensorMutableData(values[count], &bytes), "its bytes");
            if (fread(bytes, 1, size, file) != size) return 1;
            inputs[count] = names[count];
            count++;
        }
        fclose(file);
        check(api->SessionGetOutputCount(session, &made), "outputs");
        if (made > MOST) made = MOST;
        for (size_t i = 0; i < made; i++)
        {
            char *name;
            check(api->SessionGetOutputName(session, i, allocator, &name), "an output");
            outputs[i] = name;
        }
        fprintf(stderr, "model %s\n", argv[at]);
        for (int run = -1; run < runs; run++)
        {
            if (run == 0) mark();
            memset(results, 0, sizeof results);
            refused = api->Run(session, NULL, inputs, (const OrtValue *const *)values, count, outputs, made, results);
            if (refused)
            {
                /* Only the mark behind the last run tells a count. */
                fprintf(stderr, "refused %s: %s\nmodel\n", argv[at], api->GetErrorMessage(refused));
                api->ReleaseStatus(refused);
                break;
            }
            for (size_t i = 0; i < made; i++) api->ReleaseValue(results[i]);
        }
        mark();
        for (size_t i = 0; i < count; i++) api->ReleaseValue(values[i]);
        api->ReleaseSession(session);
    }
    return 0;
}
