using System.CommandLine;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet data</c>: what a build would learn from.</summary>
internal static class DataCommand
{
    public static Command Create(Shell shell) => Verb.Noun("data", "Looks at data before anything is trained on it.", Show(shell));

    private static TaughtCommand Show(Shell shell)
    {
        var spec = new Argument<string?>("SPEC")
        {
            Description = "Build spec, a YAML file; left out where --data names data.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var samples = new SampleOptions("Training data in place of a spec, a file or folder.");
        var command = new TaughtCommand("show", """
            Shows what is understood of data: its kind, parts, classes, shape, ranges and a few samples.

            Examples:
              fleet data show fashion.yaml
              fleet data show --data pictures/
              fleet data show --data customers.csv --label churned
              fleet data show --data requests.csv --label intent --input text
              fleet data show --data watch.csv --label activity --window 100,50
              fleet data show fashion.yaml --json
            """) { spec };
        foreach (var option in samples.All) command.Options.Add(option);
        command.Options.Add(Verb.Json());
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = (parsed.GetValue(spec), samples.IsGiven(parsed)) switch
            {
                ({ } file, false) => OfSpec(file, samples.WithoutData(parsed)),
                (null, true) => new DataRequest { Data = samples.Of(parsed) },
                _ => throw new FleetException("Name a build spec, or data with --data.") { Code = ExitCode.Usage },
            };
            var report = await RunAsync(shell, request, parsed.GetValue(spec) is null, cancellationToken);
            if (Verb.AsksJson(parsed)) shell.WriteJson(report, FleetJson.Default.DataReport);
            else DataTables.Write(shell, report);
            return ExitCode.Success;
        });
        return command;
    }

    private static DataRequest OfSpec(string file, (string Option, string Key)? ofData) => ofData is ({ } option, { } key)
        ? throw new FleetException($"{option} goes with --data; {file} says it in {key}.") { Code = ExitCode.Usage }
        : Of(SpecFile.Read(file, filesAreHere: true), file);

    private static DataRequest Of(BuildSpec spec, string file) => spec.Data is { } data
        ? new DataRequest { Data = data, Student = spec.Student?.Family, Teacher = spec.Teacher?.Family, Seed = spec.Seed }
        : throw new FleetException($"{file} has no data section: it quantizes a model of one's own.");

    /// <summary>Asks the worker's program what it understands of data.</summary>
    /// <param name="shell">Where its progress is shown.</param>
    /// <param name="request">The data.</param>
    /// <param name="areOptions">True where options named it, so that complaints name these.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public static async Task<DataReport> RunAsync(
        Shell shell, DataRequest request, bool areOptions, CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        var name = Path.GetFileName(request.Data.Train ?? request.Data.Kind);
        try
        {
            var (code, complaints) = await new ModelProgram(shell, name) { Program = Installation.Modeling }.RunAsync(
                $"Read {name}", "data", request, FleetJson.Default.DataRequest, [file], cancellationToken);
            return code == 0
                ? JsonSerializer.Deserialize(await File.ReadAllBytesAsync(file, cancellationToken), FleetJson.Default.DataReport)!
                : throw new FleetException(areOptions ? [.. complaints.Select(OptionWords.Of)] : complaints);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
