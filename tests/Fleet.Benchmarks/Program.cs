using Fleet.Benchmarks;
using Fleet.Benchmarks.House;
using Fleet.Benchmarks.Quantization;
using Fleet.Benchmarks.Quantization.Kernels;

// dotnet run -c Release --project tests/Fleet.Benchmarks -- NAME [--write]
// Each benchmark prints a Markdown table; --write keeps it as tests/Fleet.Benchmarks/results/NAME.md, with the command that makes it again.
Dictionary<string, (string What, Func<CancellationToken, Task<string>> Run)> benchmarks = new()
{
    ["demo"] = ("the whole loop of `fleet demo --once`: seconds, accuracies, sizes", DemoBenchmark.RunAsync),
    ["inference"] = ("the local endpoint against the model's own time: JSON, binary, Unix socket", InferenceBenchmark.RunAsync),
    ["fashion-mnist"] = ("deploy/examples/fashion-mnist.yaml: teacher, student, variants, int8 against fp32",
        token => ExampleBuildBenchmark.RunAsync("fashion-mnist", token)),
    ["turbofan"] = ("deploy/examples/turbofan.yaml: cycles that remain to an engine (C-MAPSS FD001), three seeds, beside simple models",
        TurbofanBenchmark.RunAsync),
    ["clinc150"] = ("deploy/examples/clinc150.yaml: encoders for 150 intents, int8 against fp32; naive Bayes has 87.4 %",
        token => ExampleBuildBenchmark.RunAsync("clinc150", token)),
    ["small-data"] = ("GunPoint and BasicMotions at defaults, three seeds, beside simple models", SmallDataBenchmark.RunAsync),
    ["auto"] = ("student and teacher searched against the specs that were tuned by hand, within the same bytes; --only SET",
        token => AutoBenchmark.RunAsync(args, token)),
    ["anomaly"] = ("anomalies by a student of normal samples alone, beside simple models; three seeds; --only SET",
        token => AnomalyBenchmark.RunAsync(args, token)),
    ["tables"] = ("real tables with categories by the one command, three seeds, beside simple models (Debian's package weka)",
        TablesBenchmark.RunAsync),
    ["unlabelled"] = ("Fashion-MNIST with 500 labels and 5,000 samples without, beside the labels alone; three seeds",
        UnlabelledBenchmark.RunAsync),
    ["spoken-digits"] = ("Free Spoken Digit Dataset from WAV at defaults, three seeds, beside simple models",
        token => SpokenDigitsBenchmark.RunAsync(args, token)),
    ["distillation-gain"] = ("every data set at defaults: distilled against labels alone, int8 against float; three seeds; --only DATA",
        token => DistillationGainBenchmark.RunAsync(args, token)),
    ["distillation-losses"] = ("Fashion-MNIST: what each distillation loss brings with little data, and the best sum of them on all of it",
        DistillationLossesBenchmark.RunAsync),
    ["distillation-rate"] = ("training and distillation, samples a CPU second, against PyTorch", DistillationRateBenchmark.RunAsync),
    ["cross-processor"] = ("what quantize releases, computed on x86 without VNNI and on three Arm processors under emulation",
        CrossProcessorBenchmark.RunAsync),
    ["quantize-ultraface"] = ("UltraFace RFB-320: every static int8 form beside the peer's", UltraFaceBenchmark.RunAsync),
    ["detect-ultraface"] = ("UltraFace as a build of a detector: which boxes each variant finds of the float model's",
        DetectionBenchmark.RunAsync),
    ["quantize-mcunet"] = ("MCUNet golden pair: closeness and speed of every scheme, beside the peer's", McuNetBenchmark.RunAsync),
    ["quantize-encoder"] = ("a 4-layer transformer encoder: int8 and int4 beside the peer's", EncoderBenchmark.RunAsync),
    ["quantize-bits"] = ("closeness against bytes at 8 bits and fewer: GPTQ, AWQ, block sizes, bits by layer", BitsBenchmark.RunAsync),
    ["quantize-growth"] = ("processor time and peak memory of `quantize` as samples and models grow", GrowthBenchmark.RunAsync),
    ["quantize-command"] = ("UltraFace: what the command takes and what it needs installed, beside an older commit",
        QuantizeCommandBenchmark.RunAsync),
    ["quantize-cost"] = ("processor time and memory of quantizing, beside the peer's", QuantizeCostBenchmark.RunAsync),
    ["quantize-held-out"] = ("what reports say of variants against samples that nobody had seen; --only MODEL",
        token => HeldOutBenchmark.RunAsync(args, token)),
    ["quantize-contest"] = ("twelve kinds of model, ours against all that the peer makes, on unseen samples; --only MODEL, --effort WORD",
        token => ContestBenchmark.RunAsync(args, token)),
    ["quantize-kernels"] = ("what kernels of other processors cost, fitted to counted instructions", KernelCostsBenchmark.RunAsync),
    ["quantize-cost-model"] = ("whether the cost model orders variants as measuring does on this processor", CostModelBenchmark.RunAsync),
    ["quantize-silero"] = ("Silero VAD as a stream: every scheme beside the peer's", SileroBenchmark.RunAsync),
    ["quantization-aware"] = ("Fashion-MNIST at 8, 4, 3 and 2 bits: quantized afterwards, trained on the grid, with a teacher, QKD",
        QuantizationAwareBenchmark.RunAsync),
    ["telemetry-size"] = ("an hour of telemetry as JSON and as packs, plain and compressed", TelemetrySizeBenchmark.RunAsync),
    ["store"] = ("what the store takes and what it costs: commits and batches, on disk and in memory, beside an older commit",
        StoreBenchmark.RunAsync),
    ["orders"] = ("what signed orders cost at 1, 100 and 10,000 devices: the server's CPU, bytes, the agent's CPU, beside unsigned ones",
        OrderBenchmark.RunAsync),
    ["rollouts"] = ("what each step of a rollout costs the server at 1,000 and 10,000 devices, and what the canary adds",
        RolloutBenchmark.RunAsync),
    ["reconnect"] = ("a storm: the server is killed and thousands of devices reconnect over TLS while a rollout is open",
        ReconnectBenchmark.RunAsync),
    ["canary"] = ("the canary in 10,000 simulated rollouts: false alarms, and devices until a worse release is stopped",
        CanaryBenchmark.RunAsync),
    ["house"] = ("how the house is built: lines of files and methods, tests beside code, doc comments, circles; before and after",
        HouseBenchmark.RunAsync),
    ["house-list"] = ("every file and method that is longer than the aim", HouseBenchmark.ListAsync),
};

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};

if (args is [OrderSwarm.Command, var folder, var host, var port])
    return await OrderSwarm.RunAsync(folder, host, int.Parse(port, System.Globalization.CultureInfo.InvariantCulture), stop.Token);
if (args is not [var name, ..] || !benchmarks.TryGetValue(name, out var benchmark))
{
    Console.Error.WriteLine("Usage: Fleet.Benchmarks NAME [--write]");
    foreach (var (known, (what, _)) in benchmarks) Console.Error.WriteLine($"  {known,-19} {what}");
    return args is [] or ["--help" or "-h"] ? 0 : 2;
}

var body = await benchmark.Run(stop.Token);
Console.WriteLine(ResultFile.TextOf(name, body));
if (args.Contains("--write")) await ResultFile.WriteAsync(name, body, stop.Token);
return 0;
