using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models build --data</c>: from data to a model without a spec; the spec that was found is written.</summary>
internal static partial class ModelsCommand
{
    /// <summary>The options that stand in place of a spec.</summary>
    private sealed class DataOptions
    {
        private readonly SampleOptions _samples = new(
            "In place of SPEC: training data, a file or folder. Searches the student, here and now.");
        private readonly Option<string?> _teacher = new("--teacher")
        {
            HelpName = "FILE",
            Description = "With --data: a teacher of your own, an ONNX or TorchScript file [default: one is trained].",
        };
        private readonly Option<string?> _profile = new("--profile")
        {
            HelpName = "NAMES",
            Description = "With --data: hardware profiles, by name or file [default: this machine's].",
        };
        private readonly Option<string?> _device = new("--device")
        {
            HelpName = "DEVICE",
            Description = "With --data: the profile of an enrolled device. With --rollout and a TIME in --budget it times the finalists.",
        };
        private readonly Option<bool> _rollout = new("--rollout")
        {
            Description = "With --data and --device: searched and built on the server, released, and rolled out to that device.",
        };
        private readonly Option<StudentBudget?> _budget = new("--budget")
        {
            HelpName = "SIZE,TIME",
            Description = "With --data: most the file may take, and p95 of one inference here and on devices, as 50kB,5ms, or one of them.",
            CustomParser = result => BudgetText.Parse(result.Tokens[0].Value, result.AddError),
        };
        private readonly Option<double?> _minutes = new("--minutes")
        {
            HelpName = "N",
            Description = "With --data: minutes of processor time for search and training [default: 10 for the search, and then as long "
                + "as training takes].",
        };
        private readonly Option<int?> _seeds = new("--seeds")
        {
            HelpName = "N",
            Description = "With --data: train with N seeds, each tested on samples of its own where --test names none, and show the "
                + "figures of each and their interval; the first is what is built. --minutes are those of all [default: one seed].",
        };
        private readonly Option<string?> _name = new("--name")
        {
            HelpName = "MODEL",
            Description = "With --data: name of the model [default: that of the data].",
        };

        /// <summary>All of them.</summary>
        public IReadOnlyList<Symbol> All => [.. _samples.All, .. Own];

        private Option[] Own => [_teacher, _profile, _device, _rollout, _budget, _minutes, _seeds, _name];

        /// <summary>True where data stands in place of a spec.</summary>
        public bool IsGiven(Call call) => _samples.IsGiven(call.Parsed);

        /// <summary>True where what is built goes on to a device.</summary>
        public bool RollsOut(Call call) => call.Get(_rollout);

        /// <summary>The device that it goes to.</summary>
        /// <exception cref="FleetException">None is named.</exception>
        public string Device(Call call) => call.Get(_device) ?? throw new FleetException(
            "--rollout needs the device that the model goes to: name it with --device; 'fleet devices list' shows them.")
        {
            Code = ExitCode.Usage,
        };

        /// <summary>An option that says nothing beside a spec; null where there is none.</summary>
        public string? WithoutData(Call call) => _samples.WithoutData(call.Parsed)?.Option
            ?? Own.FirstOrDefault(option => call.Parsed.GetResult(option) is { Implicit: false })?.Name;

        /// <summary>The data.</summary>
        public DataSpec Data(Call call) => _samples.Of(call.Parsed);

        private bool IsAnomaly(Call call) => Data(call).Task == ModelTask.Anomaly;

        private TeacherSpec Teacher(Call call)
        {
            if (call.Get(_teacher) is not { } file)
                return new TeacherSpec { Family = IsAnomaly(call) ? TeacherSpec.None : StudentSpec.Auto };
            var path = Path.GetFullPath(file);
            if (!File.Exists(path)) throw new FleetException($"--teacher {file} does not exist.") { Code = ExitCode.Usage };
            return Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase)
                ? new TeacherSpec { Onnx = path } : new TeacherSpec { TorchScript = path };
        }

        /// <summary>What is searched; the server is asked only where a device is named.</summary>
        public async Task<BuildSpec> SpecAsync(Call call, DataSpec data, CancellationToken cancellationToken)
        {
            if (call.Get(_profile) is not null && call.Get(_device) is not null && !RollsOut(call))
                throw new FleetException("--device names a profile by its device, and --profile names one: leave one out.")
                {
                    Code = ExitCode.Usage,
                };
            if (IsAnomaly(call) && call.Get(_minutes) is not null)
                throw new FleetException("--minutes bounds a search, and --task anomaly searches no student: leave "
                    + "--minutes out.")
                {
                    Code = ExitCode.Usage,
                };
            var profiles = call.Get(_profile) is { } named ? ProfileArguments.Of(named)
                : call.Get(_device) is { } device ? [await ProfileOfAsync(call, device, cancellationToken)]
                : [RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? BuiltInProfiles.ArmCpu : BuiltInProfiles.X64];
            var budget = TimedOn(call, call.Get(_budget));
            if (budget?.Device is not null && profiles.Count > 1)
                throw new FleetException("A TIME in --budget with --rollout has --device time files, which are of one profile: leave all "
                    + "but its own out of --profile.")
                {
                    Code = ExitCode.Usage,
                };
            HardwareProfile[] custom = [.. profiles.Where(profile => BuiltInProfiles.Find(profile.Name) is null)];
            var spec = new BuildSpec
            {
                Model = call.Get(_name) ?? NameOf(data.Learned!),
                Data = data,
                Seeds = call.Get(_seeds),
                Teacher = Teacher(call),
                // Nothing compares students of normal samples before anomalies judge them.
                Student = new StudentSpec
                {
                    Family = IsAnomaly(call) ? "prototypes" : StudentSpec.Auto,
                    Width = IsAnomaly(call) ? 64 : new StudentSpec { Family = "" }.Width,
                    Budget = budget,
                    Minutes = call.Get(_minutes),
                },
                // Who names a time means that of the device; the search can only look at this machine.
                Gate = new GateSpec { MaximumLatencyP95 = call.Get(_budget)?.MaximumLatencyP95 },
                Quantization = new QuantizationSpec
                {
                    Profiles = [.. profiles.Select(profile => profile.Name)],
                    CustomProfiles = custom.Length > 0 ? custom : null,
                },
            };
            // What the data is of is found out by the worker's program; what was written here is judged here.
            return BuildSpecRules.ProblemsOf(spec) is { Count: > 0 } problems
                ? throw new FleetException([.. problems.Select(OptionWords.Of)]) { Code = ExitCode.Usage }
                : spec;
        }

        // Who builds here has no server through which the device could be asked.
        private StudentBudget? TimedOn(Call call, StudentBudget? budget)
            => RollsOut(call) && !IsAnomaly(call) && budget?.MaximumLatencyP95 is not null ? budget with { Device = Device(call) } : budget;

        private async Task<HardwareProfile> ProfileOfAsync(Call call, string id, CancellationToken cancellationToken)
        {
            var device = await call.Client.GetDeviceAsync(id, cancellationToken);
            var name = device.Profile ?? throw new FleetException(
                $"Device {id} matches no hardware profile, so that nothing is known to build for; name one with --profile{Where(call)}.");
            return BuiltInProfiles.Find(name) ?? throw new FleetException(
                $"Device {id} has profile '{name}', which is not built in: give its file with --profile{Where(call)}.");
        }

        /// <summary>With a rollout a device is where the model goes; without one it only names a profile.</summary>
        private string Where(Call call) => RollsOut(call) ? "" : " in place of --device";

        private static string NameOf(string path)
        {
            var file = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(path));
            var name = NotInNames().Replace(file.ToLowerInvariant(), "-").Trim('-');
            foreach (var part in (string[])["-train", "-training"])
            {
                if (name.EndsWith(part, StringComparison.Ordinal)) name = name[..^part.Length];
            }
            return name.Length > 0 ? name : "model";
        }
    }

    private static async Task BuildFromDataAsync(Call call, DataOptions options, string? output, CancellationToken cancellationToken)
    {
        var spec = await UnderstoodAsync(call, options, cancellationToken);
        var folder = Path.GetFullPath(output ?? $"{spec.Model}-build");
        var report = await BuiltHereAsync(call, spec, folder, cancellationToken);
        var file = await WriteFoundAsync(report, folder, cancellationToken);
        Show(call, report, folder, $"fleet models build {file} --wait makes it again on a server; fleet releases create BUILD releases it");
    }

    /// <summary>From data to a device that serves: the server builds, what it made is released and rolled out.</summary>
    private static async Task RollOutFromDataAsync(
        Call call, DataOptions options, string? output, bool asLines, CancellationToken cancellationToken)
    {
        var device = options.Device(call);
        var spec = await UnderstoodAsync(call, options, cancellationToken);
        if (!call.Client.Address.Url.IsLoopback)
            call.Shell.WriteHint($"The server's worker looks on its own machine for {spec.Data!.Learned}.");
        await TellOtherProfileAsync(call, spec, device, cancellationToken);
        var build = await WaitAsync(call, await call.Client.StartBuildAsync(spec, cancellationToken), asLines, cancellationToken);
        RequireBuilt(build);
        var report = await call.Client.GetReportAsync(build.Id, cancellationToken);
        if (!call.Json) BuildTables.Write(call.Shell, report);
        var file = await WriteFoundAsync(report, Path.GetFullPath(output ?? $"{spec.Model}-build"), cancellationToken);

        var request = new CreateReleaseRequest(build.Id, null);
        await ReleasesCommand.ShowBeforeAsync(call, await call.Client.PreviewReleaseAsync(request, cancellationToken), cancellationToken);
        var release = (await call.Client.CreateReleaseAsync(request, cancellationToken)).Manifest;
        var started = await call.Client.StartRolloutAsync(new RolloutPlan
        {
            Model = release.Model,
            Version = release.Version,
            Filter = $"id={device}",
            Waves = [new WavePlan { Count = 1 }],
            MaximumFailureRate = 0,
        }, cancellationToken);
        var rollout = await RolloutsCommand.WatchAsync(call, started.Id, endAtPause: true, cancellationToken);
        call.Show(rollout, FleetJson.Default.RolloutView, screen =>
        {
            RolloutTables.Write(screen, rollout);
            screen.WriteLine();
            screen.WriteLine($"Report  fleet models report {build.Id} --open");
            screen.WriteLine($"Spec    {file}");
            if (rollout.Status == RolloutStatus.Succeeded)
                screen.WriteLine($"Next    on {device}: POST /v1/models/{release.Model}:predict with {{\"instances\": [...]}}");
        });
        RolloutsCommand.RequireSuccess(rollout);
    }

    private static async Task<BuildSpec> UnderstoodAsync(Call call, DataOptions options, CancellationToken cancellationToken)
    {
        var spec = await options.SpecAsync(call, options.Data(call), cancellationToken);
        var understood = await DataCommand.RunAsync(
            call.Shell, new DataRequest { Data = spec.Data!, Seed = spec.Seed }, areOptions: true, cancellationToken);
        if (call.Json) return spec;
        DataTables.Write(call.Shell, understood);
        call.Shell.WriteLine();
        return spec;
    }

    private static async Task<string> WriteFoundAsync(BuildReport report, string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, "spec.yaml");
        await File.WriteAllTextAsync(file, SpecWriter.Write(Kept(report)), cancellationToken);
        return file;
    }

    // A student that beats the simple models must do so again; one that does not is built again all the same, and the report says it.
    private static BuildSpec Kept(BuildReport report)
    {
        var found = report.Search?.Found ?? report.Spec;
        MetricValue[] simple = [
            .. report.Floors.Where(floor => floor.Name != FloorReport.LabelsAlone).Select(floor => floor.Scores.Metrics[0]),
        ];
        return simple.Length > 0 && simple.All(figure => report.Student.Scores.Metrics[0].Goodness() >= figure.Goodness())
            ? found with { Gate = found.Gate with { AboveFloor = 0 } } : found;
    }

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NotInNames();
}
