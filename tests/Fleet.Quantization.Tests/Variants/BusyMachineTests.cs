using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>A busy machine lengthens times; it changes no choice.</summary>
public sealed class BusyMachineTests
{
    private const int Runs = 5;

    /// <remarks>
    /// A form that computes in float, at a quarter of the bytes: by the clock on the wall it was the faster or the slower of the two as
    /// the load fell, and the float model was taken where it seemed slower.
    /// </remarks>
    [Fact]
    public void Same_variant_is_chosen_five_times_while_every_processor_is_taken()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 3, 24, 24).Weight("c1", 8, 3, 3, 3).Weight("c2", 16, 8, 3, 3).Weight("w", 6400, 10)
            .Node("Conv", ["x", "c1"], "a").Node("Relu", ["a"], "b").Node("Conv", ["b", "c2"], "c").Node("Relu", ["c"], "d")
            .Node("Flatten", ["d"], "e").Node("MatMul", ["e", "w"], "y").Output("y", -1, 10).Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 40, 3);
        using var load = new Load();
        VariantReport[][] runs = [.. Enumerable.Range(0, Runs).Select(run => new VariantMaker(ThisMachine.Facts).Make(
            new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec { Schemes = ["int8-weights"], MinimumSignalToNoise = 5 },
                    [BuiltInProfiles.Find(ThisMachine.Facts.Architecture == "arm64" ? "arm-cpu" : "x64")!]),
                folder.File($"out{run}")), new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.ToArray())];
        var chosen = runs.Select(run => run.Single(variant => variant.Chosen).Scheme).ToArray();
        var told = string.Join("; ", runs.Select(run => string.Join(", ", run.Select(
            variant => FormattableString.Invariant($"{variant.Scheme} {variant.SpeedUp:0.000} {variant.SpeedUpInterval}")))));
        Assert.True(chosen.Distinct().Count() == 1, $"{string.Join(", ", chosen)}: {told}");
        Assert.All(runs.SelectMany(run => run).Where(variant => variant.Scheme != "fp32"),
            variant => Assert.True(variant.SpeedUpInterval!.Holds(variant.SpeedUp!.Value)));
    }

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
