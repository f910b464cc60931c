using System.Security.Cryptography.X509Certificates;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
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
}
