using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Benchmarks.Quantization;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>The search for a student against specs that were tuned by hand, on the same data and within the same bytes.</summary>
internal static class AutoBenchmark
{
    /// <summary>Minutes of processor time for search and training; 30 are asked to be enough.</summary>
    private const int Minutes = 10;

    private const string Profile = "x64-int8";

    private static readonly string[] Examples = ["vibration", "turbofan", "spoken-digits", "fashion-mnist", "clinc150"];

    private const string Name = "auto";

    /// <summary>Builds each set both ways, or one of them, whose rows are then made again and the others stay.</summary>
    /// <param name="arguments">Of the program: <c>--only SET</c>.</param>
    /// <param name="cancellationToken">Ends the programs.</param>
    public static async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return SharedData.Absent;
        var only = arguments.SkipWhile(argument => argument != "--only").Skip(1).FirstOrDefault();
        using var folder = new TemporaryFolder();
        var text = new StringBuilder($"""
            Specs of `deploy/examples` as they are, and with `teacher` and `student` searched in their place (`auto`), with {Minutes}
            minutes of processor time for search and training and as many bytes as the other's 8-bit file has; GunPoint and
            BasicMotions by hand as in small-data. Both are judged on the same test samples, which chose nothing; the 8-bit file on
            those of them that chose none of its settings. Processor time is that of the whole build, the profile x64 alone.

            | data | | network | student | 95 % | int8 | bytes of int8 | CPU minutes |
            |---|---|---|---:|---|---:|---:|---:|

            """);
        var table = new KeptRows(Name, Sets().Select(set => set.Name));
        foreach (var (name, data, hand) in Sets().Where(set => only is null || set.Name == only))
        {
            table.Clear(name);
            var own = await BuiltAsync($"{data}\n{hand}");
            table.Add(name, RowOf("by hand", own));
            var bytes = own.Report.Variants.FirstOrDefault(variant => variant.Id == Profile)?.Bytes ?? own.Report.Student.Bytes;
            table.Add(name, RowOf("auto", await BuiltAsync($$"""
                {{data}}
                teacher: { family: auto }
                student: { family: auto, minutes: {{Minutes}}, budget: { maximumBytes: {{bytes}} } }
                """)));

            async Task<(BuildReport Report, TimeSpan Cost)> BuiltAsync(string spec)
            {
                var (path, output) = (folder["spec.yaml"], folder[$"{name}-{Guid.NewGuid():N}"]);
                await File.WriteAllTextAsync(path, $"{spec}\nquantization: {{ profiles: [x64] }}\n", cancellationToken);
                var cost = await ProgramCost.OfAsync(
                    Programs.Cli, ["models", "build", path, "--local", "--out", output], cancellationToken);
                await using var report = File.OpenRead(Path.Combine(output, "report.json"));
                return ((await JsonSerializer.DeserializeAsync(report, FleetJson.Default.BuildReport, cancellationToken))!, cost.Processor);
            }
        }
        foreach (var row in table.All) text.AppendLine(row);
        string[] absent = [.. Sets().Select(set => set.Name).Where(name => table.Of(name).Count == 0)];
        if (absent.Length > 0) text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"Not built yet: {string.Join(", ", absent)}.");
        return text.ToString();
    }

    /// <summary>Name, model and data, and what was set by hand.</summary>
    private static IEnumerable<(string Name, string Data, string Hand)> Sets()
    {
        var (gunPoint, motions) = (SharedData.PathOf("gunpoint"), SharedData.PathOf("ucr-uea-small", "UEA", "BasicMotions"));
        const string Small = "teacher: { family: conv1d, width: 16 }\nstudent: { family: conv1d, width: 8 }";
        yield return ("GunPoint", $"model: gunpoint\ndata: {{ train: {gunPoint}/GunPoint_TRAIN.txt, test: {gunPoint}/GunPoint_TEST.txt }}",
            Small);
        yield return ("BasicMotions",
            $"model: motions\ndata: {{ train: {motions}/BasicMotions_TRAIN.arff, test: {motions}/BasicMotions_TEST.arff }}", Small);
        foreach (var example in Examples)
        {
            var lines = File.ReadLines(Repository.PathOf("deploy", "examples", example + ".yaml"))
                .Select(line => line.Replace("../../../shared/data", SharedData.Root, StringComparison.Ordinal)).ToList();
            // What begins at the first column belongs to one part or the other.
            string Parts(params string[] names)
            {
                var taken = false;
                return string.Join('\n', lines.Where(line => line is not ([] or ['#', ..])
                    && (taken = line[0] == ' ' ? taken : names.Contains(line.Split(':')[0]))));
            }
            yield return (example, Parts("model", "seed", "data"), Parts("teacher", "student", "distillation"));
        }
    }

    private static string RowOf(string how, (BuildReport Report, TimeSpan Cost) built)
    {
        var report = built.Report;
        var metric = TaskDefinition.Of(report.TaskOf()).LabelMetrics[0].Name;
        var interval = report.Student.Intervals.FirstOrDefault(one => one.Name == metric);
        var int8 = report.Variants.FirstOrDefault(variant => variant.Id == Profile);
        return string.Create(CultureInfo.InvariantCulture,
            $"{how} | {report.Student.Description} | {Text(report.Student.Scores)} | "
                + $"{interval?.Low:0.000} to {interval?.High:0.000} | {Text(int8?.Scores)} | "
                + $"{int8?.Bytes:N0} | {built.Cost.TotalMinutes:0.0}");
        string Text(Scores? scores) => scores?.Find(metric)?.Text() ?? "";
    }
}
