using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Keys;

namespace Fleet.Server.Tests.Devices;

/// <summary>
/// Whoever holds a device's certificate claims to be ahead of the server, as after a restore: it would be assigned what it names, the true
/// device could be made to go back or be locked out, and the server's own record of it grew without end.
/// </summary>
public sealed class RestoreAttackTests : IAsyncLifetime
{
    private static readonly DeviceId Device = DeviceId.Parse("dev-00000");

    private static readonly DeviceId Other = DeviceId.Parse("dev-00001");

    /// <summary>What does not prove an order, each made of a true one.</summary>
    private static readonly Dictionary<string, Func<TestFleet, DeviceOrder, DsseEnvelope?>> Proofs = new()
    {
        ["nothing"] = (_, _) => null,
        ["signed by a key of its own"] = (_, order) => SignedBy(ECDsa.Create(ECCurve.NamedCurves.nistP256), order),
        ["signed by the release key"] = (fleet, order) => fleet.Of<FleetKeys>().SignRelease(Bytes(order))! with
        {
            PayloadType = DeviceOrder.PayloadType,
        },
        ["to another device"] = (fleet, order) => fleet.Signed(order with { Device = Other }),
        ["of another fleet"] = (fleet, order) => fleet.Signed(order with { Fleet = new string('a', 32) }),
        ["of another revision"] = (fleet, order) => fleet.Signed(order with { Revision = order.Revision - 1 }),
        ["of an ended epoch"] = (fleet, order) => fleet.Signed(order with { Epoch = order.Epoch - 1 }),
        ["of an epoch to come"] = (fleet, order) => fleet.Signed(order with { Epoch = order.Epoch + 1 }),
        ["changed"] = (fleet, order) => fleet.Signed(order) with { Payload = Bytes(order with { IssuedAt = order.IssuedAt.AddDays(1) }) },
        ["not an order"] = (fleet, order) => fleet.Signed(order) with { Payload = [1, 2, 3] },
    };

    private TestFleet _fleet = null!;

    public static TheoryData<string> ProofNames => [.. Proofs.Keys];

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(2);
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        await _fleet.RestartAsync(); // nothing was ordered since the start, as after a restore
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Theory]
    [MemberData(nameof(ProofNames))]
    public async Task Report_of_a_release_that_was_never_ordered_assigns_nothing_and_opens_no_artifact(string proof)
    {
        var secret = await _fleet.ReleaseAsync("secret");
        var before = await _fleet.DesiredAsync(Device);
        var order = await _fleet.OrderAsync(
            Device, before.Revision + 1, _fleet.Clock.GetUtcNow(), new OrderedRelease("secret", 1, ""));
        await _fleet.SayAsync(
            Device, order.Revision, Proofs[proof](_fleet, order), await _fleet.ModelAsync("secret", 1, DeploymentPhase.Idle) with
            {
                Variant = null,
                Measured = null,
                ActiveVersion = 1,
            });
        Assert.Equal(Json(before), Json(await _fleet.DesiredAsync(Device)));
        using var client = _fleet.ClientOf(Device.Value);
        var artifact = secret.ReadManifest().Variants[0].Artifact.Sha256;
        using var answer = await client.GetAsync(new Uri($"/artifacts/{artifact}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);
    }

    [Theory]
    [MemberData(nameof(ProofNames))]
    public async Task Report_of_an_older_release_sends_nobody_back(string proof)
    {
        var before = await _fleet.DesiredAsync(Device);
        var order = await _fleet.OrderAsync(
            Device, before.Revision + 1, _fleet.Clock.GetUtcNow(), new OrderedRelease("speech", 1, "", Rollback: true));
        await _fleet.SayAsync(
            Device, order.Revision, Proofs[proof](_fleet, order), await _fleet.ModelAsync("speech", 1, DeploymentPhase.Active));
        Assert.Equal((2, false), await _fleet.ToldAsync(Device));
        Assert.Equal(Json(before), Json(await _fleet.DesiredAsync(Device)));
    }

    /// <summary>Each claim was measured from the one before: after two the true device refused every order as a jump.</summary>
    [Fact]
    public async Task Revision_that_is_raised_again_and_again_moves_no_order_out_of_the_devices_reach()
    {
        var before = (await _fleet.DesiredAsync(Device)).Revision;
        for (var claim = 1; claim <= 3; claim++)
            await _fleet.SayAsync(Device, before + claim * 1_000_000L, order: null);
        await _fleet.SayAsync(Device, 1L << 52, order: null);
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        Assert.Equal((before + 1, (3, false)), ((await _fleet.DesiredAsync(Device)).Revision, (await _fleet.ToldAsync(Device))!.Value));
    }

    /// <summary>An operator who is taken in by such a claim once still reaches the device.</summary>
    [Fact]
    public async Task Claim_that_an_operator_vouched_for_stays_within_what_a_device_follows()
    {
        var before = (await _fleet.DesiredAsync(Device)).Revision;
        foreach (var claim in (long[])[OrderVerifier.MaximumJump, OrderVerifier.MaximumJump - 1, OrderVerifier.MaximumJump + 5])
        {
            await _fleet.SayAsync(Device, before + claim, order: null);
            using var answer = await _fleet.Http.PostAsync(new Uri($"/api/v1/strangers/{Device}/adopt", UriKind.Relative), null);
            Assert.Equal(claim < OrderVerifier.MaximumJump, answer.IsSuccessStatusCode);
        }
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        Assert.InRange((await _fleet.DesiredAsync(Device)).Revision - before, 1, OrderVerifier.MaximumJump);
    }

    /// <summary>Each name stayed for ever: in minutes the record outgrew the store, and targets reached no later device.</summary>
    [Fact]
    public async Task Sixteen_fresh_names_a_thousand_times_leave_no_trace()
    {
        var before = await _fleet.DesiredAsync(Device);
        for (var round = 0; round < 1000; round++)
        {
            var models = Enumerable.Range(0, 16).Select(i => new ReportedModel
            {
                Model = $"fresh-{round}-{i}",
                Version = int.MaxValue,
                Phase = DeploymentPhase.Idle,
                Since = _fleet.Clock.GetUtcNow(),
                ActiveVersion = int.MaxValue,
            });
            await _fleet.SayAsync(Device, before.Revision + 1 + round, order: null, [.. models]);
        }
        Assert.Equal(Json(before), Json(await _fleet.DesiredAsync(Device)));
    }

    /// <summary>What a true order may teach is bounded too, whoever signed it.</summary>
    [Fact]
    public async Task Numbers_beside_a_true_order_go_only_as_far_as_it_explains()
    {
        var known = await _fleet.DesiredAsync(Device);
        for (var round = 1; round <= RestoreRules.MostModels; round++)
        {
            var order = await _fleet.OrderAsync(
                Device, known.Revision + round, _fleet.Clock.GetUtcNow(), new OrderedRelease("speech", 2, "", Rollback: true),
                new OrderedRelease($"fresh-{round}", 1, ""));
            known = RestoreRules.CatchUp(known, order, new ReportedState
            {
                Revision = order.Revision,
                Facts = new DeviceFacts { Architecture = "x64" },
                Models = [await _fleet.ModelAsync("speech", int.MaxValue, DeploymentPhase.RolledBack)],
            }, new HashSet<OrderedRelease>());
            if (round == 1) Assert.Equal(2 + RestoreRules.MostSkipped, known.Largest!["speech"]);
        }
        Assert.Equal(RestoreRules.MostModels, known.Largest!.Count);
    }

    /// <summary>The key of orders was stolen once, and its epoch was ended: what it signs proves nothing.</summary>
    [Fact]
    public async Task Order_of_a_key_that_was_stolen_before_the_epoch_was_raised_proves_nothing()
    {
        var before = await _fleet.DesiredAsync(Device);
        var order = await _fleet.OrderAsync(Device, before.Revision + 9, _fleet.Clock.GetUtcNow(), new OrderedRelease("speech", 1, ""));
        var stolen = _fleet.Signed(order);
        var keys = _fleet.Of<FleetKeys>();
        Assert.Null(keys.Apply(keys.Prepare(new RootChange { Orders = true, Compromised = true }, _fleet.Clock.GetUtcNow()).Value!));
        Assert.Equal(order.Epoch + 1, keys.Root.OrderEpoch);
        await _fleet.SayAsync(Device, order.Revision, stolen);
        Assert.Equal(Json(before), Json(await _fleet.DesiredAsync(Device)));
    }

    private static DsseEnvelope SignedBy(ECDsa key, DeviceOrder order)
    {
        using (key) return DsseEnvelope.Sign(DeviceOrder.PayloadType, Bytes(order), key);
    }

    private static byte[] Bytes(DeviceOrder order) => JsonSerializer.SerializeToUtf8Bytes(order, FleetJson.Default.DeviceOrder);

    private static string Json(DeviceDesired desired) => JsonSerializer.Serialize(desired, DeviceJson.Default.DeviceDesired);
}
