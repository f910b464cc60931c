using System.Globalization;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Proof;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Benchmarks.Quantization.Kernels;

/// <summary>
/// What the kernels of a processor cost, which <see cref="KernelCosts"/> says: fitted to small networks in every form that can be made of
/// them, by the instructions of emulated processors and by the processor time of this one.
/// </summary>
internal static class KernelCostsBenchmark
{
    /// <summary>Batches of calls that are timed.</summary>
    private const int Batches = 15;

    public static readonly EmulatedProcessor MatrixProducts = EmulatedProcessor.Named("cortex-a76") with
    {
        Name = "i8mm",
        Description = "64-bit Arm with matrix products of bytes: Neoverse N2, Cortex-X3",
        Model = "max,sve=off,sme=off",
        IsaFlags = EmulatedProcessor.Named("cortex-a76").IsaFlags + " i8mm bf16",
    };

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (InstructionCounts.Missing() is { } missing) return missing;
        using var folder = new TemporaryFolder();
        await InstructionCounts.CompileAsync(folder, cancellationToken);
        (string Title, EmulatedProcessor? Processor, HardwareProfile Profile)[] processors = [
            ("Cortex-A53", EmulatedProcessor.Named("cortex-a53"), BuiltInProfiles.ArmCpu),
            ("Cortex-A76", EmulatedProcessor.Named("cortex-a76"), BuiltInProfiles.ArmCpu),
            ("Arm with i8mm", MatrixProducts, BuiltInProfiles.ArmCpu),
            ("Haswell", EmulatedProcessor.Named("haswell"), BuiltInProfiles.X64),
            (ThisMachine.Facts.IsaFlags.Contains("avx512_vnni") ? "this one, VNNI" : "this one", null, BuiltInProfiles.X64),
        ];
        var fits = new List<(string Title, IReadOnlyDictionary<Kernel, double> Costs, IReadOnlyList<CountedRun> Runs)>();
        foreach (var alike in processors.GroupBy(one => one.Profile))
        {
            var forms = KernelModels.All()
                .SelectMany(one => ModelForms.Of(one.Name, one.Model, alike.Key, folder, cancellationToken)).ToArray();
            foreach (var (title, processor, _) in alike)
            {
                var runs = processor is null ? [.. forms.Select(TimedHere)]
                    : await ModelForms.CountedAsync(forms, processor, folder, cancellationToken);
                fits.Add((title, KernelFit.Of(runs), runs));
                Console.Error.WriteLine($"{title}: {runs.Count} runs");
            }
        }
        return Told(fits);
    }

    /// <summary>Nanoseconds of processor time: of batches of calls the quickest, which nothing else disturbed.</summary>
    private static CountedRun TimedHere(ModelForm form)
    {
        using var session = OnnxRuntimeSession.Open(form.File, form.Settings.On(ThisMachine.Facts.IsaFlags));
        using var feed = form.Samples.Batches(1).First();
        using var options = new RunOptions();
        var (best, calls) = (TimeSpan.MaxValue, 1);
        for (var batch = 0; batch < Batches; batch++)
        {
            var begun = CpuClock.Now(everyThread: false);
            for (var call = 0; call < calls; call++) session.Run(options, feed.Names, feed.Values, session.OutputNames).Dispose();
            var took = CpuClock.Between(begun, CpuClock.Now(everyThread: false));
            if (batch == 0) calls = Math.Max(1, (int)(TimeSpan.FromMilliseconds(2) / took));
            else best = took / calls < best ? took / calls : best;
        }
        return new CountedRun(form.Title, form.Work, best.TotalNanoseconds);
    }

    private static string Told(
        IReadOnlyList<(string Title, IReadOnlyDictionary<Kernel, double> Costs, IReadOnlyList<CountedRun> Runs)> fits)
    {
        var text = new StringBuilder(
            """
            Small networks of few operators, in every form that can be made of them for a profile, run once in ONNX Runtime on emulated
            processors, whose instructions are counted (qemu's user mode with a plugin). What one of each kernel takes is fitted by least
            squares of the relative errors; the kernels are those of the cost model. Of a thousand of each:


            """);
        text.AppendLine($"| kernel | {string.Join(" | ", fits.Select(fit => fit.Title))} |")
            .AppendLine($"|---|{string.Concat(fits.Select(_ => "--:|"))}");
        foreach (var kernel in Enum.GetValues<Kernel>())
            text.AppendLine($"| {kernel} | {string.Join(" | ", fits.Select(fit => fit.Costs.TryGetValue(kernel, out var cost)
                ? (1000 * cost).ToString(cost > 1000 ? "0" : "0.0", CultureInfo.InvariantCulture) : ""))} |");
        text.AppendLine(CultureInfo.InvariantCulture, $"| runs | {string.Join(" | ", fits.Select(fit => fit.Runs.Count))} |");
        text.AppendLine($"| error, median | {string.Join(" | ", fits.Select(fit => ErrorAt(fit.Runs, fit.Costs, 0.5)))} |");
        text.AppendLine($"| error, 9 of 10 within | {string.Join(" | ", fits.Select(fit => ErrorAt(fit.Runs, fit.Costs, 0.9)))} |");
        return text.ToString();
    }

    private static string ErrorAt(IReadOnlyList<CountedRun> runs, IReadOnlyDictionary<Kernel, double> costs, double share)
    {
        double[] errors = [.. runs.Select(run => Math.Abs(Math.Log(KernelFit.Expected(run.Work, costs) / run.Cost))).Order()];
        return Math.Exp(errors[(int)(share * (errors.Length - 1))]).ToString("0.00", CultureInfo.InvariantCulture) + "x";
    }
}
