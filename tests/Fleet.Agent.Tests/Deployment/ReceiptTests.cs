using System.Security.Cryptography.X509Certificates;
using Fleet.Agent.Deployment;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>What the agent signs of what it measured.</summary>
public sealed class ReceiptTests
{
    [Fact]
    public async Task Every_report_of_a_measured_variant_is_signed_for_its_own_revision()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var assignment = TestRelease.Assign(server, 1);
        await server.DesireAsync("dev-1", 1, assignment);
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        // Nothing is measured anew for this revision; what was measured is signed anew.
        await server.DesireAsync("dev-1", 2, assignment);
        await Eventually.TrueAsync("the second revision is answered", () => server.Reports.Any(report => report.Revision == 2));

        using var certificate = X509Certificate2.CreateFromPem(IdentityFile.Read(agent.Data)!.Certificate);
        using var key = certificate.GetECDsaPublicKey()!;
        ReleaseKey[] keys = [ReleaseKey.Of(key.ExportSubjectPublicKeyInfo())];
        var said = server.Reports.SelectMany(report => report.Models.Select(model => (report.Revision, Model: model))).ToList();
        Assert.All(said.Where(one => one.Model.Measured is null), one => Assert.Null(one.Model.Receipt));
        var measured = said.Where(one => one.Model.Measured is not null).ToList();
        Assert.Equal([1L, 2L], measured.Select(one => one.Revision).Distinct().Order());
        Assert.All(measured, one => Assert.Null(ReceiptVerifier.ProblemOf(
            one.Model.Receipt!, keys, DeviceId.Parse("dev-1"), one.Revision, one.Model, assignment.Release.Digest())));
    }

    [Fact]
    public async Task Times_of_all_variants_that_were_validated_are_reported_whichever_serves()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, TestRelease.Manifest(
            server, 1, "vibration",
            TestRelease.Variant(server, TestRelease.Model(1), "x64-fast"),
            TestRelease.Variant(server, TestRelease.SlowModel(1), "x64-slow", gate: new ValidationGate()))));
        agent.Start();
        var active = await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        var times = active.Times!.ToDictionary(time => time.Variant, time => time.Median);
        Assert.Equal(["x64-fast", "x64-slow"], times.Keys.Order());
        Assert.True(TimeSpan.Zero < times["x64-fast"] && times["x64-fast"] < times["x64-slow"], string.Join(", ", active.Times!));
        Assert.Equal("x64-fast", active.ActiveVariant);
    }

    [Fact]
    public void Report_that_would_be_too_long_goes_without_times_rather_than_without_its_words()
    {
        ReportedState State(int variants) => new()
        {
            Revision = 1,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [
                .. Enumerable.Range(0, Limits.ModelsPerDevice).Select(model => new ReportedModel
                {
                    Model = $"model-{model}",
                    Version = 1,
                    Phase = DeploymentPhase.RolledBack,
                    Since = DateTimeOffset.UnixEpoch,
                    Detail = new string('x', 1500),
                    Times = [
                        .. Enumerable.Range(0, variants).Select(variant => new VariantTime(
                            $"{new string('v', Limits.NameLength - 3)}{variant:000}", TimeSpan.FromMilliseconds(1.2345))),
                    ],
                }),
            ],
        };
        var (few, many) = (StateReport.Fit(State(3)), StateReport.Fit(State(300)));
        Assert.All(few.State.Models, model => Assert.Equal(3, model.Times!.Count));
        Assert.All(many.State.Models, model => Assert.True(model is { Times: null, Detail.Length: 1500 }));
        Assert.True(many.Bytes.Length <= Limits.ReportedStateBytes);

        // What builds had timed goes as well, also where no model has times.
        var untimed = State(3) with { Models = [.. State(3).Models.Select(model => model with { Times = null })] };
        var room = Limits.ReportedStateBytes - StateReport.Fit(untimed).Bytes.Length;
        var timed = StateReport.Fit(untimed with { Timings = [new("build", new string('a', 64), Problem: new string('x', room))] });
        Assert.Empty(timed.State.Timings!);
        Assert.All(timed.State.Models, model => Assert.Equal(1500, model.Detail.Length));
    }
}
