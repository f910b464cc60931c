using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Worker;
using Fleet.Platform;
using Fleet.Quantization.Report;

namespace Fleet.Modeling.Commands;

/// <summary><c>fleet-modeling build</c>: one build on this machine, without a server.</summary>
internal static class LocalBuildCommand
{
    public static Command Create()
    {
        var spec = new Argument<FileInfo>(
            "SPEC")
        { Description = "Build spec as JSON; paths in it are relative to its folder (fleet models build --local takes YAML)" };
        var output = new Option<DirectoryInfo>("--out")
        {
            Description = "Folder for teacher, student, variants, report.json and report.html",
            Required = true,
            HelpName = "DIR",
        };
        var threads = WorkerCommand.Threads();
        var json = new Option<bool>("--json")
        {
            Description = "Write progress as JSON lines on standard output, and nothing else; end when the starter is gone.",
        };
        var command = new Command("build", "Runs one build on this machine, without a server.") { spec, output, threads, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            NativeEnvironment.Prepare(parsed.GetValue(threads));
            var read = Read(parsed.GetRequiredValue(spec));
            var folder = parsed.GetRequiredValue(output).FullName;
            if (parsed.GetValue(json))
            {
                using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                _ = EndWithStarterAsync(ending);
                await DedicatedThread.RunAsync(
                    "build", () => new Build(TimeProvider.System).Run(read, folder, new JsonLines(), ending.Token));
                return 0;
            }
            var result = await DedicatedThread.RunAsync(
                "build", () => new Build(TimeProvider.System).Run(read, folder, new ProgressLines(TimeProvider.System), cancellationToken));
            Print(result.Report, folder);
            return 0;
        });
        return command;
    }

    private static BuildSpec Read(FileInfo file)
    {
        try
        {
            var spec = JsonSerializer.Deserialize(File.ReadAllText(file.FullName), FleetJson.Strict.BuildSpec)
                ?? throw new BuildException($"{file} holds no build spec.");
            return SpecFiles.Below(file.DirectoryName!, spec);
        }
        catch (JsonException e)
        {
            throw new BuildException(
                $"{file} is not a build spec: {e.Message} Specs are JSON here; 'fleet models build {file} --local' takes YAML.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BuildException($"{file} cannot be read: {e.Message}", e);
        }
    }

    private static void Print(BuildReport report, string folder)
    {
        string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        void Network(string name, NetworkReport network)
            => Console.WriteLine(Text(
                $"{name,-16}{network.Parameters,12:N0} parameters {network.Bytes,12:N0} bytes  ")
                + $"{(network.Scores.Metrics is [var figure, ..] ? $"{figure.Title().ToLowerInvariant()} {figure.Text()}" : "")}");
        if (report.Teacher is { } teacher) Network("teacher", teacher);
        Network(report.Spec.Source is null ? "student" : "model", report.Student);
        foreach (var finding in report.Findings) Console.WriteLine(finding);
        VariantLines.Print(report.Variants, ReportMeasure.Of(report));
        Console.WriteLine(Text($"{report.Duration.TotalSeconds:0} s on {report.MeasuredOn}; see {Path.Combine(folder, "report.html")}"));
    }

    /// <summary>A build that nobody waits for any more has stored how far it came.</summary>
    private static async Task EndWithStarterAsync(CancellationTokenSource ending)
    {
        try
        {
            await ParentProcess.GoneAsync(ParentProcess.Id, TimeProvider.System, ending.Token);
            await ending.CancelAsync();
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // It has ended.
        }
    }

    /// <summary>For programs.</summary>
    private sealed class JsonLines : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => Console.WriteLine(JsonSerializer.Serialize(value, FleetJson.Default.BuildProgress));
    }

    /// <summary>A line for each step, and one now and then within a long one.</summary>
    private sealed class ProgressLines(TimeProvider time) : IProgress<BuildProgress>
    {
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
        private readonly long _start = time.GetTimestamp();
        private TimeSpan _next;
        private string _step = "";

        public void Report(BuildProgress value)
        {
            var (elapsed, step) = (time.GetElapsedTime(_start), value.Step.Split(':')[0]);
            if (elapsed < _next && step == _step) return;
            (_next, _step) = (elapsed + Interval, step);
            Console.Error.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds,6:0} s {value.Fraction,6:P0}  {value.Step}"));
        }
    }
}
