using System.CommandLine;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary>The verbs of builds: start, list, cancel.</summary>
internal static partial class ModelsCommand
{
    private static Command Build(Shell shell)
    {
        var spec = new Argument<string?>("SPEC")
        {
            Description = "Build spec, a YAML file; relative paths in it start at its own folder. Left out where --data names data.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var fromData = new DataOptions();
        var wait = new Option<bool>("--wait") { Description = "Wait until it has ended, and show its variants." };
        var follow = new Option<bool>("--follow") { Description = "Wait, and write every step as a line of its own." };
        var local = new Option<bool>("--local") { Description = "Build here and now, without a server, and wait for it." };
        var output = new Option<string?>("--out")
        {
            HelpName = "DIR",
            Description = "With --local or --data: where teacher, student, variants, report and the spec that was found go; MODEL-build "
                + "when left out. A build that was stopped goes on there.",
        };
        return Verb.On(shell, "build", """
            Builds a model: trains or reads the teacher, distills a student, quantizes it for each profile, measures every variant.

            Without a spec, --data names data: a table, texts, a folder of pictures or
            sound, series, arrays. What is understood of it is shown; then
            families, widths and depths within --budget are searched on held-out training
            samples, and the best is built on this machine. The spec that was found is
            written as spec.yaml. Times are measured on this machine. With --rollout the
            server searches and builds instead, DEVICE times the finalists where --budget
            names a time, and what it made is released and rolled out to the device: one
            command from data to a device that serves.

            Examples:
              fleet models build --data pictures/ --budget 50kB,5ms --minutes 30
              fleet models build --data customers.csv --label churned --minutes 5 \
                --device DEVICE --rollout
              fleet models build --data requests.csv --label intent --budget 500kB
              fleet models build --data watch.csv --label activity --window 100,50
              fleet models build deploy/examples/vibration.yaml --wait
              fleet models build fashion.yaml --wait --json > build.json
              fleet models build fashion.yaml --local --out fashion
            """, [spec, wait, follow, local, output, .. fromData.All, Verb.Yes()], async (call, cancellationToken) =>
        {
            if (fromData.IsGiven(call) == call.Find(spec) is not null)
                throw new FleetException("Name a build spec, or data with --data.") { Code = ExitCode.Usage };
            if (fromData.IsGiven(call))
            {
                if (!fromData.RollsOut(call))
                {
                    await BuildFromDataAsync(call, fromData, call.Get(output), cancellationToken);
                    return;
                }
                if (call.Get(local))
                    throw new FleetException("--rollout builds on the server, which releases what it built: leave --local out.")
                    {
                        Code = ExitCode.Usage,
                    };
                await RollOutFromDataAsync(call, fromData, call.Get(output), call.Get(follow), cancellationToken);
                return;
            }
            var file = call.Find(spec)!;
            if (fromData.WithoutData(call) is { } option)
                throw new FleetException($"{option} goes with --data; beside a spec "
                    + (option == "--rollout" ? "'fleet rollouts start' does it." : $"it stands in {file}."))
                {
                    Code = ExitCode.Usage,
                };
            if (call.Get(local))
            {
                await BuildHereAsync(call, SpecFile.Read(file, filesAreHere: true), call.Get(output), cancellationToken);
                return;
            }
            if (call.Get(output) is not null)
                throw new FleetException("--out is for a build on this machine (--local); a server keeps its builds itself.")
                {
                    Code = ExitCode.Usage,
                };
            // On a server of this machine a build fails a second later for a file that is missing here: it is not queued.
            var isHere = call.Client.Address.Url.IsLoopback;
            var asked = SpecFile.Read(file, filesAreHere: isHere);
            await TellOtherProfileAsync(call, asked, asked.Student?.Budget?.Device, cancellationToken);
            var build = await call.Client.StartBuildAsync(asked, cancellationToken);
            if (call.Get(wait) || call.Get(follow))
            {
                build = await WaitAsync(call, build, asLines: call.Get(follow), cancellationToken);
                if (build.HasReport && !call.Json)
                    BuildTables.Write(call.Shell, await call.Client.GetReportAsync(build.Id, cancellationToken));
            }
            call.Show(build, FleetJson.Default.BuildView, screen =>
            {
                if (build.Status == BuildStatus.Succeeded)
                {
                    screen.WriteLine();
                    screen.WriteLine($"Report  fleet models report {build.Id} --open");
                    screen.WriteLine($"Next    fleet releases create {build.Id}");
                }
                else if (!build.HasReport)
                {
                    screen.WriteLine($"Build {build.Id} of {build.Model} is {build.Status.ToWords()}.");
                    if (build.Status != BuildStatus.Queued) return;
                    if (!isHere && SpecFiles.Of(asked) is { Count: > 0 } files)
                        screen.WriteHint($"Its worker looks on its own machine for {string.Join(", ", files.Select(file => file.Path))}.");
                    screen.WriteHint("'fleet models builds' shows how far it is.");
                }
            });
            RequireBuilt(build);
        });
    }

    /// <summary>Says where files are made for another profile than that of the device they are for, before anything is built.</summary>
    private static async Task TellOtherProfileAsync(Call call, BuildSpec spec, string? device, CancellationToken cancellationToken)
    {
        if (device is null || spec.Quantization.Profiles.Count == 0) return;
        var own = (await call.Client.GetDeviceAsync(device, cancellationToken)).Profile;
        if (OtherProfile(device, own, spec.Quantization) is { } hint) call.Shell.WriteHint(hint);
    }

    /// <summary>Why files that a build makes may not be those for a device, in a sentence; null where nothing says so.</summary>
    /// <param name="device">The device.</param>
    /// <param name="own">Its profile, of those that the server knows; null for none.</param>
    /// <param name="spec">What the files are made for. A server knows a profile of people's own once something was released for it:
    /// until then it cannot be told whether it is the device's.</param>
    internal static string? OtherProfile(string device, string? own, QuantizationSpec spec)
    {
        if (own is not null && spec.Profiles.Contains(own) || spec.CustomProfiles is { Count: > 0 }) return null;
        var named = string.Join(", ", spec.Profiles);
        return own is null
            ? $"Device {device} matches no hardware profile that the server knows: whether files made for {named} suit it cannot be "
                + "told."
            : $"Device {device} has profile '{own}', as the server knows it, and files are made for {named}: they are not those that are "
                + $"right for it, name '{own}'.";
    }

    private static void RequireBuilt(BuildView build)
    {
        if (build.Status is not (BuildStatus.Failed or BuildStatus.Cancelled)) return;
        var end = build.Status == BuildStatus.Failed ? "failed" : "was cancelled";
        throw new FleetException([
            $"Build {build.Id} of {build.Model} {end}: {build.Failure ?? "no reason was given"}",
            .. build.HasReport ? [$"'fleet models report {build.Id} --open' shows what was measured."] : Array.Empty<string>()]);
    }

    /// <summary>Runs a build on this machine and shows what came out.</summary>
    private static async Task BuildHereAsync(Call call, BuildSpec spec, string? output, CancellationToken cancellationToken)
    {
        var folder = Path.GetFullPath(output ?? $"{spec.Model}-build");
        var report = await BuiltHereAsync(call, spec, folder, cancellationToken);
        Show(call, report, folder, "fleet models build SPEC --wait builds it on a server, which can release it");
    }

    private static async Task<BuildReport> BuiltHereAsync(Call call, BuildSpec spec, string folder, CancellationToken cancellationToken)
    {
        var (code, complaints) = await new ModelProgram(call.Shell, spec.Model) { Program = Installation.Modeling }.RunAsync(
            $"Build {spec.Model}", "build", spec, FleetJson.Default.BuildSpec, ["--out", folder, "--json"], cancellationToken);
        if (code != 0) throw new FleetException(complaints);
        return JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(Path.Combine(folder, "report.json"), cancellationToken), FleetJson.Default.BuildReport)!;
    }

    private static void Show(Call call, BuildReport report, string folder, string next)
        => call.Show(report, FleetJson.Default.BuildReport, screen =>
        {
            BuildTables.Write(screen, report);
            screen.WriteLine();
            screen.WriteLine($"Report  {Path.Combine(folder, "report.html")}");
            screen.WriteLine($"Next    {next}");
        });

    private static Command Builds(Shell shell)
    {
        var model = new Option<string?>("--model") { HelpName = "NAME", Description = "Only builds of this model." };
        return Verb.On(shell, "builds", """
            Lists builds, the newest first.

            Example:
              fleet models builds --model vibration
            """, [model], async (call, cancellationToken) =>
        {
            IReadOnlyList<BuildView> builds = [.. (await call.Client.ListBuildsAsync(cancellationToken))
                .Where(build => call.Get(model) is not { } name || build.Model == name)
                .OrderByDescending(build => build.CreatedAt)];
            call.Show(builds, FleetJson.Default.IReadOnlyListBuildView, screen =>
            {
                var sheet = new Sheet("build", "model", "status", ">done?", "asked?", "took", "step or reason");
                foreach (var build in builds)
                {
                    sheet.Add(build.Id, build.Model, Words.Status(build.Status),
                        build.Status == BuildStatus.Running ? Figures.Percent(build.Progress?.Fraction) : "",
                        DurationText.Ago(build.CreatedAt, call.Now), build.StartedAt is { } began
                            ? DurationText.Of((build.FinishedAt ?? call.Now) - began)
                            : "",
                        build.Failure ?? (build.Status == BuildStatus.Running ? build.Progress?.Step : ""));
                }
                screen.Write(sheet);
                if (sheet.Count == 0) screen.WriteHint("There are no builds. 'fleet models build SPEC.yaml --wait' starts one.");
            });
        });
    }

    private static Command Cancel(Shell shell) => Verb.On(shell, "cancel", """
        Cancels a build that waits or runs.

        Example:
          fleet models cancel BUILD
        """, [BuildId], async (call, cancellationToken) =>
    {
        await call.Client.CancelBuildAsync(call.Get(BuildId), cancellationToken);
        var build = await call.Client.GetBuildAsync(call.Get(BuildId), cancellationToken);
        call.Show(build, FleetJson.Default.BuildView, screen => screen.WriteLine($"Build {build.Id} of {build.Model} is "
            + $"{build.Status.ToWords()}."));
    });

    private static async Task<BuildView> WaitAsync(Call call, BuildView build, bool asLines, CancellationToken cancellationToken)
    {
        try
        {
            return await StepBoard.RunAsync(
                call.Shell, board
                    => board.StepAsync(
                        $"Build {build.Id} of {build.Model}", step => Follow.BuildAsync(
                            call.Client, call.Shell.Time, build.Id, step, Timeout.InfiniteTimeSpan, cancellationToken),
                        goesOn: true), asLines);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            call.Shell.WriteHint($"Build {build.Id} goes on without this terminal: 'fleet models builds' shows it, 'fleet models cancel "
                + $"{build.Id}' ends it.");
            throw;
        }
    }
}
