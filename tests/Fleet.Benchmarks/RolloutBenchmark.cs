using System.Globalization;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Artifacts;
using Fleet.Server.Rollouts;
using Fleet.Server.Tests;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// What a rollout costs the server with a thousand and with ten thousand devices: processor time of each of its steps, of its pages, and
/// of a start on its data. The server is whole but for its connections: reports arrive where the broker hands them over.
/// </summary>
internal static class RolloutBenchmark
{
    private const int Runs = 3;
    private const int First = 100;
    private const int Warming = 400;
    private const int OneByOne = 100;
    private const int AtOnce = 64;
    private const int Reads = 5;
    private static readonly int[] Fleets = [1000, 10_000];
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var measured = Fleets.ToDictionary(devices => devices, _ => new List<StepCosts>());
        // What the compiler takes is nobody's cost.
        await MeasureAsync(Warming);
        for (var run = 0; run < Runs; run++)
        {
            foreach (var devices in Fleets)
            {
                cancellationToken.ThrowIfCancellationRequested();
                measured[devices].Add(await MeasureAsync(devices));
            }
        }
        return $"""
            Processor time of the whole server, in its own process, medians of {Runs} runs in turns on a machine that others use too; in
            brackets the smallest and the largest. Devices are documents of the store, and their reports arrive where the broker hands them
            over: connections and signatures are measured by `orders` and `reconnect`. Growth is the cost at {Fleets[1]:N0} devices beside
            that at {Fleets[0]:N0}: 1 for what costs the same however large the fleet is, {Fleets[1]
                / Fleets[0]} for what is done for each device.

            | Step | {string.Join(" | ",
                Fleets.Select(devices => devices.ToString("N0", CultureInfo.InvariantCulture) + " devices"))} | growth |
            |---|--:|--:|--:|
            {Rows(measured)}
            """;
    }

    private static async Task<StepCosts> MeasureAsync(int devices)
    {
        var costs = new StepCosts();
        await new Course(devices, costs).RunAsync();
        await CanaryCost.MeasureAsync(devices, costs);
        return costs;
    }

    private static string Rows(Dictionary<int, List<StepCosts>> measured)
    {
        var rows = new StringBuilder();
        foreach (var step in measured[Fleets[0]][0].Names)
        {
            var cells = Fleets.Select(devices => measured[devices].Select(costs => costs[step]).Order().ToArray()).ToArray();
            rows.Append(CultureInfo.InvariantCulture, $"| {step} | {string.Join(" | ", cells.Select(Cell))} ");
            rows.AppendLine(CultureInfo.InvariantCulture, $"| {Middle(cells[1]) / Middle(cells[0]):0.0} |");
        }
        return rows.ToString().TrimEnd();
    }

    private static double Middle(double[] runs) => runs[runs.Length / 2];

    private static string Cell(double[] runs) => $"{Time(Middle(runs))} ({Time(runs[0])} to {Time(runs[^1])})";

    private static string Time(double milliseconds) => milliseconds switch
    {
        >= 1000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.0} s"),
        >= 10 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0} ms"),
        >= 1 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{milliseconds * 1000:0} µs"),
    };

    /// <summary>One rollout over a fleet, from its start to its end, each step measured.</summary>
    private sealed class Course(int devices, StepCosts costs)
    {
        public async Task RunAsync()
        {
            await using var fleet = await TestFleet.StartAsync();
            await fleet.EnrollAsync(devices);
            var plan = TestFleet.PlanOf(await fleet.ReleaseAsync()) with
            {
                Waves = [new WavePlan { Count = First }, new WavePlan { Percent = 100 }],
            };
            var id = "";
            await costs.MeasureAsync($"select, freeze and tell the first {First}", 1, async () => id = (await fleet.RollOutAsync(plan)).Id);
            await fleet.FinishAsync(id);
            await costs.MeasureAsync(
                "tell the others, a device", devices - First, () => UntilAsync(fleet, id, rollout => rollout.Told == devices));
            var told = await fleet.RunningAsync(id);
            await FetchAsync(fleet, told, new ArtifactUse(plan.Model!, plan.Version!.Value, id));
            await ReportAsync(fleet, told);
            await UntilAsync(fleet, id, rollout => rollout.Status == RolloutStatus.Succeeded);
            await ReadAsync(fleet, id);
            await costs.MeasureAsync("start on the data again", 1, () => fleet.RestartAsync());
        }

        private async Task FetchAsync(TestFleet fleet, IReadOnlyList<DeviceId> told, ArtifactUse use)
        {
            var ledger = fleet.Of<FetchLedger>();
            await costs.MeasureAsync("grant a download", told.Count, async () =>
            {
                foreach (var device in told)
                {
                    using var grant = (await ledger.GrantAsync(device, use, 7000, default)).Value!;
                    grant.Send(5000);
                }
            });
            await costs.MeasureAsync("store what a device fetched", told.Count, () => ledger.WriteAsync(default));
        }

        private async Task ReportAsync(TestFleet fleet, IReadOnlyList<DeviceId> told)
        {
            var begun = await ReportsAsync(fleet, told.Take(OneByOne), DeploymentPhase.Downloading);
            await costs.MeasureAsync("a report, each after the one before", OneByOne, async () =>
            {
                foreach (var (device, state) in begun) await fleet.ReportAsync(device, state);
            });
            var finished = await ReportsAsync(fleet, told, DeploymentPhase.Active);
            await costs.MeasureAsync($"a report, {AtOnce} at once", told.Count, () => Parallel.ForEachAsync(
                finished, new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
                async (report, _) => await fleet.ReportAsync(report.Device, report.State)));
        }

        /// <summary>What devices say, made before it is measured what hearing it takes.</summary>
        private static async Task<IReadOnlyList<(DeviceId Device, ReportedState State)>> ReportsAsync(
            TestFleet fleet, IEnumerable<DeviceId> devices, DeploymentPhase phase)
        {
            var reports = new List<(DeviceId Device, ReportedState State)>();
            foreach (var device in devices)
            {
                var desired = await fleet.DesiredAsync(device);
                var assigned = desired.Assignments.Single();
                reports.Add((device, new ReportedState
                {
                    Revision = desired.Revision,
                    Facts = new DeviceFacts { Architecture = "x64" },
                    Models = [await fleet.ModelAsync(assigned.Model, assigned.Version, phase)],
                }));
            }
            return reports;
        }

        private async Task ReadAsync(TestFleet fleet, string id)
        {
            foreach (var (what, path) in new[]
            {
                ("the API's answer with every device", $"/api/v1/rollouts/{id}"), ("the page, a hundred of them", $"/rollouts/{id}"),
            })
            {
                var uri = new Uri(path, UriKind.Relative);
                await costs.MeasureAsync(what, Reads, async () =>
                {
                    for (var i = 0; i < Reads; i++) await fleet.Http.GetByteArrayAsync(uri);
                });
            }
        }

        // Looks at one document: counting ten thousand devices forty times a second would be the load that is measured.
        private static Task UntilAsync(TestFleet fleet, string id, Predicate<Rollout> holds) => Eventually.TrueAsync(
            "the rollout is as far", async () => holds((await fleet.Store.FindAsync<Rollout>(id, default))!.Document), Deadline);
    }
}

/// <summary>Processor time of steps in milliseconds, in the order they were first measured.</summary>
internal sealed class StepCosts
{
    private readonly List<(string Name, double Milliseconds)> _steps = [];

    /// <summary>The steps.</summary>
    public IEnumerable<string> Names => _steps.Select(step => step.Name);

    /// <summary>What one took.</summary>
    public double this[string name] => _steps.Single(step => step.Name == name).Milliseconds;

    /// <summary>Does something, and notes what each of so many parts of it took this process.</summary>
    public async Task MeasureAsync(string name, int parts, Func<Task> step)
    {
        // What was left over by the step before is collected at its expense.
        GC.Collect();
        var before = Environment.CpuUsage.TotalTime;
        await step();
        _steps.Add((name, (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / parts));
    }
}
