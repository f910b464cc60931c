using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Telemetry;

namespace Fleet.Contracts.Tests;

/// <summary>What is received is read at its limit, and refused one past it.</summary>
public sealed class LimitsTests
{
    [Theory]
    [InlineData(Limits.TopicLength, true)]
    [InlineData(Limits.TopicLength + 1, false)]
    public void Topic_is_read_up_to_its_limit(int length, bool read)
    {
        var start = $"{Topics.Root}dev-1/";
        var topic = start + new string('c', length - start.Length);
        Assert.Equal(read, Topics.ChannelOf(DeviceId.Parse("dev-1"), topic).Length > 0);
    }

    [Theory]
    [InlineData(Limits.ManifestBytes, true)]
    [InlineData(Limits.ManifestBytes + 1, false)]
    public void Signed_manifest_is_trusted_up_to_its_limit(int bytes, bool trusted)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var envelope = JsonSerializer.Serialize(Samples.Sign(Samples.Manifest(), key), FleetJson.Default.DsseEnvelope).PadRight(bytes);
        var verdict = ReleaseVerifier.Verify(
            Encoding.UTF8.GetBytes(envelope), [ReleaseKey.Of(key.ExportSubjectPublicKeyInfo())], Samples.Now, "vibration", 1);
        Assert.Equal(trusted, verdict.Trusted);
        if (!trusted) Assert.Equal("The manifest has 65537 bytes; at most 65536 are read.", verdict.Reason);
    }

    [Theory]
    [InlineData(Limits.TelemetryBatchBytes, true)]
    [InlineData(Limits.TelemetryBatchBytes + 1, false)]
    public void Batch_of_telemetry_is_read_up_to_its_limit(int bytes, bool read)
    {
        var message = Encoding.UTF8.GetBytes(
            JsonSerializer.Serialize(Samples.Batch(), FleetJson.Default.TelemetryBatch).PadRight(bytes));
        if (read) Assert.Equal(118, Assert.Single(TelemetryPack.Decode(message)).Sequence);
        else Assert.Contains("at most 131072 are read", Refusal(() => TelemetryPack.Decode(message)), StringComparison.Ordinal);
    }

    [Fact]
    public void Pack_of_no_batch_and_one_past_the_limit_are_refused_with_the_number()
    {
        Assert.Contains("1 to 60 batches, not 0", Assert.Throws<ArgumentException>(() => TelemetryPack.Encode([])).Message,
            StringComparison.Ordinal);
        TelemetryBatch[] tooMany = [.. Enumerable.Repeat(Samples.Batch(), Limits.BatchesPerPack + 1)];
        Assert.Contains("not 61", Assert.Throws<ArgumentException>(() => TelemetryPack.Encode(tooMany)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Limits.MetricsPerScores, true)]
    [InlineData(Limits.MetricsPerScores + 1, false)]
    public void Gate_holds_as_many_thresholds_as_scores_hold_metrics(int count, bool read)
    {
        var thresholds = string.Join(',', Enumerable.Range(0, count).Select(i => $$"""{"metric":"m{{i}}","minimum":0.5}"""));
        var json = $$"""{"thresholds":[{{thresholds}}]}""";
        if (read) Assert.Equal(count, JsonSerializer.Deserialize(json, FleetJson.Default.ValidationGate)!.Thresholds.Count);
        else
            Assert.Contains("A gate holds at most 64 thresholds.",
                Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, FleetJson.Default.ValidationGate)).Message,
                StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(Limits.NameLength, true)]
    [InlineData(Limits.NameLength + 1, false)]
    [InlineData(0, false)]
    public void Model_of_a_build_and_of_a_plan_has_a_name_within_the_limit(int length, bool allowed)
    {
        var name = new string('a', length);
        Assert.Equal(allowed, BuildSpecRules.ProblemsOf(Samples.Spec() with { Model = name }).Count == 0);
        Assert.Equal(allowed, (Samples.Plan() with { Model = name }).Problems().Count == 0);
        Assert.Equal(allowed, ManifestRules.ProblemsOf(Samples.Manifest() with { Model = name }).Count == 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Limits.DetailLength - 1)]
    [InlineData(Limits.DetailLength)]
    public void Detail_within_the_limit_is_kept_as_it_is(int length)
        => Assert.Equal(new string('x', length), Limits.Detail(new string('x', length)));

    [Fact]
    public void Detail_past_the_limit_is_cut_and_shows_it()
    {
        var cut = Limits.Detail(new string('x', Limits.DetailLength) + "the end");
        Assert.Equal(Limits.DetailLength, cut.Length);
        Assert.EndsWith("x…", cut, StringComparison.Ordinal);
    }

    /// <summary>A message that is allowed must fit the packet it travels in, whatever else is in that.</summary>
    [Fact]
    public void Messages_of_a_device_fit_the_packet_they_travel_in()
    {
        Assert.True(Limits.ReportedStateBytes + Limits.TopicLength + 64 <= Limits.MqttPacketBytes);
        Assert.True(Limits.TelemetryBatchBytes + Limits.TopicLength + 64 <= Limits.MqttPacketBytes);
    }

    private static string Refusal(Action read) => Assert.Throws<FormatException>(read).Message;
}
