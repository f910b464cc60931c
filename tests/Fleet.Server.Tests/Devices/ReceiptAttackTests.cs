using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Server.Certificates;
using Fleet.Server.Messaging;
using Fleet.Server.Releases;

namespace Fleet.Server.Tests.Devices;

/// <summary>A device, or somebody in its place, says that a release serves and proves it badly.</summary>
public sealed class ReceiptAttackTests : IAsyncLifetime
{
    private static readonly DeviceId Device = DeviceId.Parse("dev-00000"), Other = DeviceId.Parse("dev-00001");

    private static readonly Dictionary<string, Func<ReportedModel, ReportedModel>> Implausible = new()
    {
        ["a variant that does not exist"] = model => model with { Variant = "x64-int1" },
        ["a variant that does not exist serves"] = model => model with { ActiveVariant = "x64-int1" },
        ["a variant of another profile"] = model => model with { Variant = "arm-int8" },
        ["no variant"] = model => model with { Variant = null },
        ["nothing measured"] = model => model with { Measured = null },
        ["no samples"] = model => model with { Measured = model.Measured! with { Samples = 0 } },
        ["samples below zero"] = model => model with { Measured = model.Measured! with { Samples = -3 } },
        ["agreement of 7.5"] = model => model with { Measured = model.Measured! with { Agreement = 7.5 } },
        ["accuracy below zero"] = model => model with { Measured = model.Measured! with { Accuracy = -0.1 } },
        ["memory below zero"] = model => model with { Measured = model.Measured! with { PeakMemoryBytes = -1 } },
        ["a share in decibels"] = model => model with
        {
            Measured = model.Measured! with { Metrics = [new MetricValue("accuracy", 30, Units.Decibels, MetricDirection.Higher)] },
        },
        ["figures that miss the gate"] = model => model with { Measured = model.Measured! with { Accuracy = 0.5 } },
    };

    private readonly Dictionary<DeviceId, ECDsa> _keys = [];
    private TestFleet _fleet = null!;
    private Release _release = null!;
    private string _rollout = "";

    public static TheoryData<string> Claims => [.. Implausible.Keys];

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(2);
        foreach (var device in (DeviceId[])[Device, Other]) Connect(device);
        var build = await _fleet.BuildAsync(
            "speech", await _fleet.VariantAsync("x64-int8", "x64"), await _fleet.VariantAsync("arm-int8", "arm-cpu"));
        _release = (await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default)).Value!;
        _rollout = (await _fleet.RollOutAsync(TestFleet.PlanOf(_release) with { MaximumFailureRate = 1 })).Id;
        await _fleet.UntilAsync(_rollout, "told both", view => view.Devices.Count(one => one.Status == DeviceRolloutStatus.Running) == 2);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var key in _keys.Values) key.Dispose();
        await _fleet.DisposeAsync();
    }

    [Fact]
    public async Task Receipt_that_holds_counts_and_is_shown()
    {
        await SayAsync(model => model, Signed);
        var part = await PartAsync();
        Assert.Equal((DeviceRolloutStatus.Succeeded, DeploymentFailure.None), (part.Status, part.Failure));
        var shown = await ModelAsync();
        Assert.NotNull(shown.Receipt);
        Assert.Equal(1, shown.ActiveVersion);
    }

    [Theory]
    [MemberData(nameof(Claims))]
    public async Task Claim_that_cannot_be_fails_the_rollout_by_its_word(string claim)
    {
        // Signed as it should be: a key proves who says it, and not that it is so.
        await SayAsync(Implausible[claim], Signed);
        await RefusedAsync(DeploymentFailure.ReportImplausible);
    }

    [Fact]
    public async Task Claim_that_cannot_be_is_refused_from_an_agent_of_protocol_1_too()
    {
        await SayAsync(Implausible["agreement of 7.5"], (_, _) => null, protocol: 1);
        await RefusedAsync(DeploymentFailure.ReportImplausible);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Report_of_an_agent_that_knows_no_receipts_counts_and_is_shown_as_unsigned(int protocol)
    {
        await SayAsync(model => model, (_, _) => null, protocol);
        Assert.Equal(DeviceRolloutStatus.Succeeded, (await PartAsync()).Status);
        Assert.Null((await ModelAsync()).Receipt);
    }

    [Fact]
    public async Task Report_of_protocol_3_without_a_receipt_is_refused()
    {
        await SayAsync(model => model, (_, _) => null);
        await RefusedAsync(DeploymentFailure.ReceiptInvalid);
    }

    [Fact]
    public Task Receipt_signed_by_the_key_of_another_device_is_refused()
        => ForgedAsync((model, revision) => Sign(ReceiptOf(Device, model, revision), _keys[Other]));

    [Fact]
    public Task Receipt_of_another_device_replayed_is_refused()
        => ForgedAsync((model, revision) => Sign(ReceiptOf(Other, model, revision), _keys[Other]));

    [Fact]
    public Task Receipt_that_names_another_device_is_refused()
        => ForgedAsync((model, revision) => Sign(ReceiptOf(Other, model, revision), _keys[Device]));

    [Fact]
    public Task Receipt_of_an_older_revision_replayed_is_refused()
        => ForgedAsync((model, revision) => Sign(ReceiptOf(Device, model, revision - 1), _keys[Device]));

    [Fact]
    public Task Receipt_of_another_variant_is_refused()
        => ForgedAsync((model, revision) => Sign(ReceiptOf(Device, model with { Variant = "arm-int8" }, revision), _keys[Device]));

    [Fact]
    public Task Receipt_of_another_release_is_refused()
        => ForgedAsync((model, revision) => Sign(
            ReceiptOf(Device, model, revision) with { Release = new string('0', 64) }, _keys[Device]));

    [Fact]
    public Task Receipt_of_another_version_is_refused()
        => ForgedAsync((model, revision) => Sign(ReceiptOf(Device, model with { Version = 2 }, revision), _keys[Device]));

    [Fact]
    public Task Receipt_of_other_figures_is_refused()
        => ForgedAsync((model, revision) => Sign(
            ReceiptOf(Device, model, revision) with { Measured = model.Measured! with { Samples = 99 } }, _keys[Device]));

    [Fact]
    public Task Receipt_whose_bytes_were_changed_is_refused()
        => ForgedAsync((model, revision) =>
        {
            var signed = Sign(ReceiptOf(Device, model, revision), _keys[Device]);
            return signed with { Payload = [.. signed.Payload[..^1], (byte)' ', signed.Payload[^1]] };
        });

    [Fact]
    public Task Payload_of_another_kind_is_refused()
        => ForgedAsync((model, revision) => DsseEnvelope.Sign(DsseEnvelope.InToto,
            JsonSerializer.SerializeToUtf8Bytes(ReceiptOf(Device, model, revision), FleetJson.Default.Receipt), _keys[Device]));

    [Fact]
    public async Task Device_signs_with_its_new_key_before_it_connects_anew()
    {
        using var renewed = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _fleet.Of<DeviceKeys>().Renewed(Device, CertificateOf(Device, renewed));
        await SayAsync(model => model, (model, revision) => Sign(ReceiptOf(Device, model, revision), renewed));
        Assert.Equal(DeviceRolloutStatus.Succeeded, (await PartAsync()).Status);
    }

    /// <summary>Found in review: what such a device measured was taken without any signature, by whoever had its connection.</summary>
    [Fact]
    public async Task Receipt_of_an_Ed25519_key_holds_and_is_shown()
    {
        var key = ConnectWithEd25519();
        await SayAsync(model => model, (model, revision) => key.Sign(Signed(model, revision)));
        Assert.Equal(DeviceRolloutStatus.Succeeded, (await PartAsync()).Status);
        Assert.NotNull((await ModelAsync()).Receipt);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("another Ed25519 key")]
    [InlineData("another kind of key")]
    [InlineData("changed bytes")]
    [InlineData("cut short")]
    public async Task Receipt_of_a_device_with_an_Ed25519_key_is_refused_when_it_does_not_hold(string how)
    {
        var key = ConnectWithEd25519();
        var id = ReleaseKey.IdOf(key.PublicKey);
        await SayAsync(model => model, (model, revision) =>
        {
            var signed = key.Sign(Signed(model, revision));
            return how switch
            {
                "none" => null,
                "another Ed25519 key" => signed with { Signatures = [new Ed25519Key().Sign(signed).Signatures[0] with { KeyId = id }] },
                "another kind of key" => signed with { Signatures = [Signed(model, revision).Signatures[0] with { KeyId = id }] },
                "changed bytes" => signed with { Payload = [.. signed.Payload[..^1], (byte)' ', signed.Payload[^1]] },
                _ => signed with { Signatures = [signed.Signatures[0] with { Sig = signed.Signatures[0].Sig[..32] }] },
            };
        });
        await RefusedAsync(DeploymentFailure.ReceiptInvalid);
    }

    private Ed25519Key ConnectWithEd25519()
    {
        var key = new Ed25519Key();
        using var certificate = X509Certificate2.CreateFromPem(key.CertificateOf(Device, _fleet.Of<CertificateAuthority>()));
        _fleet.Of<DeviceKeys>().Shown(Device, certificate);
        return key;
    }

    private async Task ForgedAsync(Func<ReportedModel, long, DsseEnvelope> forge)
    {
        await SayAsync(model => model, forge);
        await RefusedAsync(DeploymentFailure.ReceiptInvalid);
        // The other device is judged by what it says itself.
        await _fleet.ReportAsync(Other, await ReportAsync(Other, model => model, (model, revision)
            => Sign(ReceiptOf(Other, model, revision), _keys[Other])));
        Assert.Equal(DeviceRolloutStatus.Succeeded, (await PartAsync(Other)).Status);
    }

    private async Task RefusedAsync(DeploymentFailure word)
    {
        var part = await PartAsync();
        Assert.Equal((DeviceRolloutStatus.Failed, word), (part.Status, part.Failure));
        Assert.NotEmpty(part.Detail);
        var shown = await ModelAsync();
        Assert.Equal((word, (int?)null, (Scores?)null), (shown.Failure, shown.ActiveVersion, shown.Measured));
    }

    private async Task SayAsync(
        Func<ReportedModel, ReportedModel> change, Func<ReportedModel, long, DsseEnvelope?> sign, int protocol = 3)
        => await _fleet.ReportAsync(Device, await ReportAsync(Device, change, sign) with { Protocol = protocol });

    private async Task<ReportedState> ReportAsync(
        DeviceId device, Func<ReportedModel, ReportedModel> change, Func<ReportedModel, long, DsseEnvelope?> sign)
    {
        var revision = (await _fleet.DesiredAsync(device)).Revision;
        var model = change(await _fleet.ModelAsync("speech", 1, DeploymentPhase.Active));
        return new ReportedState
        {
            Revision = revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [model with { Receipt = sign(model, revision) }],
        };
    }

    private DsseEnvelope Signed(ReportedModel model, long revision) => Sign(ReceiptOf(Device, model, revision), _keys[Device]);

    private Receipt ReceiptOf(DeviceId device, ReportedModel model, long revision) => new()
    {
        Device = device,
        Revision = revision,
        Model = model.Model,
        Version = model.Version,
        Release = _release.Envelope.Digest(),
        Variant = model.Variant ?? "",
        Measured = model.Measured ?? new Scores(),
        At = _fleet.Clock.GetUtcNow(),
    };

    private static DsseEnvelope Sign(Receipt receipt, ECDsa key)
        => DsseEnvelope.Sign(Receipt.PayloadType, JsonSerializer.SerializeToUtf8Bytes(receipt, FleetJson.Default.Receipt), key);

    private async Task<DeviceRolloutView> PartAsync(DeviceId? device = null)
        => (await _fleet.ViewAsync(_rollout)).Devices.Single(one => one.Device == (device ?? Device));

    private async Task<ReportedModel> ModelAsync()
        => Assert.Single(JsonSerializer.Deserialize(
            await _fleet.Http.GetStringAsync(new Uri($"/api/v1/devices/{Device}", UriKind.Relative)),
            FleetJson.Default.DeviceView)!.Models);

    // As the broker does when a device connects with its certificate.
    private void Connect(DeviceId device)
    {
        _keys[device] = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = X509Certificate2.CreateFromPem(CertificateOf(device, _keys[device]));
        _fleet.Of<DeviceKeys>().Shown(device, certificate);
    }

    private string CertificateOf(DeviceId device, ECDsa key)
        => _fleet.Of<CertificateAuthority>().IssueDevice(device, new PublicKey(key), TimeSpan.FromDays(1)).Pem;
}
