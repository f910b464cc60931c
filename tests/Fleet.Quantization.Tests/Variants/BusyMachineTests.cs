using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>A busy machine lengthens times; it changes no choice.</summary>
public sealed class BusyMachineTests
{
    private const int Runs = 5;

    /// <remarks>
    /// Four runs on a busy machine chose four variants, among them one "1.49 times as fast" that computes in float as the model does.
    /// </remarks>
    [Fact]
    public void Same_command_chooses_the_same_variant_five_times_under_load_as_on_a_quiet_machine()
    {
        using var folder = new ScratchFolder();
        var model = Model(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 40, 3);
        using (var file = File.Create(folder.File("samples.npz")))
            NpzArchive.Write(file, [new("x", NpyArray.Of(samples.Inputs, 40, 3, 24, 24))]);
        QuantizationReport Run(string name) => new Quantizer().Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = model, Calibration = folder.File("samples.npz"), Validation = folder.File("samples.npz") },
                Quantization = new QuantizationSpec { Profiles = [Profile], Effort = "fast" },
            },
            folder.File(name), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var quiet = Run("quiet");
        QuantizationReport[] loaded;
        using (new Load()) loaded = [.. Enumerable.Range(0, Runs).Select(run => Run($"loaded{run}"))];

        var told = string.Join("\n", loaded.Prepend(quiet).Select(report => string.Join(", ", report.Variants.Select(one
            => FormattableString.Invariant($"{one.Id} {one.SpeedUp:0.000} {one.SpeedUpInterval}{(one.Chosen ? " *" : "")}")))));
        var chosen = quiet.Variants.Single(variant => variant.Chosen).Id;
        Assert.All(loaded, report => Assert.True(report.Variants.Single(variant => variant.Chosen).Id == chosen, told));
        // What computes in float is no faster than the float model by more than can be told, whatever else runs.
        Assert.All(loaded.SelectMany(report => report.Variants).Where(one => one is { Scheme: "int8-weights", SpeedUp: not null }),
            variant => Assert.True(variant.SpeedUp < 1.15 && variant.SpeedUpInterval!.Holds(variant.SpeedUp.Value), told));
        Assert.True(quiet.Variants.Count(variant => variant.SpeedUp is not null) >= 2, told);
    }

    private static string Profile => ThisMachine.Facts.Architecture == "arm64" ? "arm-cpu" : "x64";

    private static string Model(ScratchFolder folder)
        => new GraphBuilder().Input("x", -1, 3, 24, 24).Weight("c1", 8, 3, 3, 3).Weight("c2", 16, 8, 3, 3).Weight("w", 6400, 10)
            .Node("Conv", ["x", "c1"], "a").Node("Relu", ["a"], "b").Node("Conv", ["b", "c2"], "c").Node("Relu", ["c"], "d")
            .Node("Flatten", ["d"], "e").Node("MatMul", ["e", "w"], "y").Output("y", -1, 10).Save(folder);

    [Fact]
    public void Processor_time_of_a_thread_does_not_grow_while_others_compute()
    {
        using var load = new Load();
        var before = CpuClock.Now(everyThread: false);
        Thread.Sleep(TimeSpan.FromMilliseconds(50));
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells the processor time of a thread.");
        Assert.InRange(CpuClock.Now(everyThread: false) - before, 0, 20_000_000);
        Assert.InRange(CpuClock.Now(everyThread: true), 1_000_000, long.MaxValue);
    }

    /// <summary>Threads that take every processor, now and then pausing, until it is disposed of.</summary>
    private sealed class Load : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Thread[] _threads;

        public Load()
        {
            _threads = [.. Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(seed => new Thread(() => Spin(new Random(seed))))];
            foreach (var thread in _threads) thread.Start();
        }

        public void Dispose()
        {
            _stop.Cancel();
            foreach (var thread in _threads) thread.Join();
            _stop.Dispose();
        }

        private void Spin(Random random)
        {
            while (!_stop.IsCancellationRequested)
            {
                var until = Environment.TickCount64 + random.Next(5, 50);
                while (Environment.TickCount64 < until) Thread.SpinWait(1000);
                Thread.Sleep(random.Next(0, 10));
            }
        }
    }
}
