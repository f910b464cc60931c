using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Evaluation;

/// <summary>Energy, memory and latency: measured, or not claimed.</summary>
public sealed class MeasurementTests
{
    [Fact]
    public void Energy_is_the_sum_over_packages_and_survives_a_counter_that_begins_again()
    {
        using var folder = new ScratchFolder();
        Package(folder, "intel-rapl:0", 900_000, 1_000_000);
        Package(folder, "intel-rapl:1", 100, 1_000_000);
        // A part of the first package would count twice.
        Package(folder, "intel-rapl:0:0", 5, 1_000_000);
        var meter = EnergyMeter.Open(folder.Path)!;
        var joules = meter.Joules(() =>
        {
            Package(folder, "intel-rapl:0", 100_000, 1_000_000);
            Package(folder, "intel-rapl:1", 300_100, 1_000_000);
            Package(folder, "intel-rapl:0:0", 900_000, 1_000_000);
        });
        Assert.Equal(0.2 + 0.3, joules!.Value, 1e-9);
    }

    [Fact]
    public void Machine_without_readable_counters_measures_nothing()
    {
        using var folder = new ScratchFolder();
        Assert.Null(EnergyMeter.Open(folder.File("absent")));
        Assert.Null(EnergyMeter.Open(folder.Path));
        Directory.CreateDirectory(folder.File("intel-rapl:0"));
        Assert.Null(EnergyMeter.Open(folder.Path));
        Package(folder, "intel-rapl:0", 1, 10);
        var meter = EnergyMeter.Open(folder.Path)!;
        Assert.Null(meter.Joules(() => File.Delete(folder.File("intel-rapl:0/energy_uj"))));
    }

    [Fact]
    public void Energy_of_one_call_is_the_whole_over_the_calls()
    {
        using var folder = new ScratchFolder();
        Package(folder, "intel-rapl:0", 0, 1_000_000_000);
        var spent = 0L;
        var joules = EnergyMeter.Open(folder.Path)!.PerCall(() =>
        {
            Package(folder, "intel-rapl:0", spent += 7000, 1_000_000_000);
            Thread.Sleep(10);
        }, TestContext.Current.CancellationToken);
        Assert.Equal(0.007, joules!.Value, 1e-9);
        Assert.True(spent >= 20 * 7000);
    }

    [Fact]
    public void Neighbours_that_take_the_processor_do_not_lengthen_a_latency()
    {
        using var folder = new ScratchFolder();
        using var session = OnnxRuntimeSession.Open(Model(1000).Save(folder, "model.onnx"));
        var samples = new SyntheticFeeds(ModelInput.Of(session), 1, 1, ModelState.None);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Thread[] neighbours = [
            .. Enumerable.Range(0, 4 * Environment.ProcessorCount).Select(_ => new Thread(() =>
            {
                while (!stop.IsCancellationRequested) Thread.SpinWait(100);
            })),
        ];
        foreach (var neighbour in neighbours) neighbour.Start();
        try
        {
            // A neighbour keeps the processor for some milliseconds, in more than one of twenty of such calls.
            var latency = LatencyRun.Measure([session], samples, TestContext.Current.CancellationToken)[0];
            Assert.InRange(latency.P50, TimeSpan.FromMicroseconds(50), TimeSpan.FromSeconds(1));
            Assert.InRange(latency.P95 / latency.P50, 1, 4);
        }
        finally
        {
            stop.Cancel();
            foreach (var neighbour in neighbours) neighbour.Join();
        }
    }

    [Fact]
    public void Memory_is_measured_in_a_process_of_its_own_and_grows_with_the_model()
    {
        using var folder = new ScratchFolder();
        long Peak(int width)
        {
            var model = Model(width).Save(folder, $"{width}.onnx");
            using var session = OnnxRuntimeSession.Open(model);
            Assert.True(PeakMemory.WriteSample(
                new SyntheticFeeds(ModelInput.Of(session), 1, 1, ModelState.None), folder.File("sample.npz")));
            return PeakMemory.Of(model, folder.File("sample.npz"),
                new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } }) ?? 0;
        }
        var (small, large) = (Peak(64), Peak(3000));
        Assert.InRange(small, 16 << 20, 512 << 20);
        // 36 MB of weights more.
        Assert.InRange(large - small, 30 << 20, 200 << 20);
    }

    [Fact]
    public void Model_that_cannot_be_loaded_has_no_peak()
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder.File("m.onnx"), "hello");
        File.WriteAllText(folder.File("sample.npz"), "hello");
        Assert.Null(PeakMemory.Of(folder.File("m.onnx"), folder.File("sample.npz"), new RuntimeSettings()));
    }

    private static GraphBuilder Model(int width)
        => new GraphBuilder().Input("x", 1, width).Weight("w", width, width).Node("MatMul", ["x", "w"], "y").Output("y", 1, width);

    private static void Package(ScratchFolder folder, string name, long microjoules, long range)
    {
        Directory.CreateDirectory(folder.File(name));
        File.WriteAllText(folder.File($"{name}/energy_uj"), $"{microjoules}\n");
        File.WriteAllText(folder.File($"{name}/max_energy_range_uj"), $"{range}\n");
    }
}
