using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;

namespace Fleet.Contracts.Tests;

/// <summary>Whatever arrives, reading it ends in a value or in a <see cref="JsonException"/>; verifying it ends in a verdict.</summary>
public sealed class HostileBytesTests : IDisposable
{
    // Long enough for some ten thousand attempts, short enough for every run. The seed is told when one fails.
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(2);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData("desired")]
    [InlineData("reported")]
    [InlineData("telemetry")]
    [InlineData("presence")]
    [InlineData("enroll")]
    [InlineData("plan")]
    [InlineData("spec")]
    public void Mutated_message_is_read_or_refused(string message)
    {
        var (bytes, read) = Messages()[message];
        Storm(bytes, mutated =>
        {
            try { read(mutated); }
            catch (JsonException) { }
        });
    }

    [Fact]
    public void Mutated_envelope_gets_a_verdict()
    {
        var (envelope, trusted) = Envelope();
        Storm(envelope, mutated => ReleaseVerifier.Verify(mutated, trusted, Samples.Now, "vibration", 1));
    }

    [Fact]
    public void Mutated_manifest_that_is_signed_all_the_same_gets_a_verdict()
    {
        // A trusted signer with a defect is worse than a stranger: what is inside is now parsed.
        ReleaseKey[] trusted = [ReleaseKey.Of(_key.ExportSubjectPublicKeyInfo())];
        Storm(Samples.Sign(Samples.Manifest(), _key).Payload, mutated =>
            ReleaseVerifier.Verify(DsseEnvelope.Sign(DsseEnvelope.InToto, mutated, _key), trusted, Samples.Now, "vibration", 1));
    }

    [Theory]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[null]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":null}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[{"keyid":null,"sig":""}]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[{"keyid":"KEY","sig":""}]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[{"keyid":"KEY","sig":"AAAA"}]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"!","signatures":[]}""")]
    [InlineData("""{"payloadType":"\ud800","payload":"","signatures":[]}""")]
    [InlineData("""{"payloadType":"text/plain","payload":"","signatures":[]}""")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("")]
    public void Envelope_that_is_none_is_refused(string json)
    {
        var trusted = ReleaseKey.Of(_key.ExportSubjectPublicKeyInfo());
        var verdict = ReleaseVerifier.Verify(
            Encoding.UTF8.GetBytes(json.Replace("KEY", trusted.Id, StringComparison.Ordinal)), [trusted], Samples.Now, "vibration", 1);
        Assert.False(verdict.Trusted);
        Assert.NotEqual("", verdict.Reason);
    }

    [Fact]
    public void Trusted_key_that_cannot_be_read_trusts_nothing()
    {
        var (envelope, trusted) = Envelope();
        ReleaseKey broken = new(trusted[0].Id, [1, 2, 3]);
        Assert.Equal(ReleaseFault.SignatureInvalid, ReleaseVerifier.Verify(envelope, [broken], Samples.Now, "vibration", 1).Fault);
        Assert.Equal(ReleaseFault.KeyNotTrusted, ReleaseVerifier.Verify(envelope, [], Samples.Now, "vibration", 1).Fault);
    }

    [Fact]
    public void Second_signature_by_a_trusted_key_is_enough()
    {
        var (_, trusted) = Envelope();
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var own = Samples.Sign(Samples.Manifest(), _key);
        var both = own with { Signatures = [DsseEnvelope.Sign(own.PayloadType, own.Payload, stranger).Signatures[0], own.Signatures[0]] };
        Assert.True(ReleaseVerifier.Verify(both, trusted, Samples.Now, "vibration", 1).Trusted);
    }

    [Theory]
    [InlineData("desired", """{"revision":1,"assignments":[null]}""")]
    [InlineData("desired", """{"revision":1e400,"assignments":[]}""")]
    [InlineData("desired", """{"revision":99999999999999999999,"assignments":[]}""")]
    [InlineData("desired", """{"assignments":[]}""")]
    [InlineData("reported", """{"revision":1,"facts":{"architecture":"x64","isaFlags":[null]},"models":[]}""")]
    [InlineData("reported", """{"revision":1,"facts":null,"models":[]}""")]
    [InlineData("reported", """{"revision":1,"facts":{"architecture":"x64"},"models":[{"model":"m","version":1,"phase":3"""
        + ""","since":"2026-11-23T12:00:00Z"}]}""")]
    [InlineData("reported", """{"revision":1,"facts":{"architecture":"x64"},"models":[{"model":"m","version":1"""
        + ""","phase":"flying","since":"2026-11-23T12:00:00Z"}]}""")]
    [InlineData("reported", """{"revision":1,"facts":{"architecture":"x64"},"models":[{"model":"m","version":1"""
        + ""","phase":"idle","since":"yesterday"}]}""")]
    [InlineData("reported", """{"revision":1,"facts":{"architecture":"x64"},"models":[{"model":"m","version":1"""
        + ""","phase":"idle","since":"2026-11-23T12:00:00Z","measured":{"latency":{"p50Ms":1e300,"p95Ms":1,"p99Ms":1}}}]}""")]
    [InlineData("telemetry", """{"sequence":1,"from":"2026-11-23T12:00:00Z","to":"2026-11-23T12:00:00Z","models":[null]}""")]
    [InlineData("telemetry",
        """{"sequence":1,"from":"2026-11-23T12:00:00Z","to":"2026-11-23T12:00:00Z","resources":{"temperatureCelsius":1e999}}""")]
    [InlineData("telemetry", """{"sequence":"1","from":"2026-11-23T12:00:00Z","to":"2026-11-23T12:00:00Z"}""")]
    [InlineData("enroll", """{"token":"t","deviceId":"Not An Id","certificateSigningRequest":"","facts":{"architecture":"x64"}}""")]
    [InlineData("enroll", """{"token":"t","deviceId":7,"certificateSigningRequest":"","facts":{"architecture":"x64"}}""")]
    [InlineData("enroll", """{"token":null,"deviceId":"a","certificateSigningRequest":"","facts":{"architecture":"x64"}}""")]
    [InlineData("plan", """{"model":"m","version":1,"waves":[null]}""")]
    [InlineData("plan", """{"model":"m","version":1,"waves":{}}""")]
    [InlineData("presence", "true")]
    public void Impossible_message_does_not_parse(string message, string json)
        => Assert.Throws<JsonException>(() => Messages()[message].Read(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Message_nested_without_end_does_not_parse()
        => Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize(string.Concat(Enumerable.Repeat("""{"assignments":[""", 10_000)), FleetJson.Default.DesiredState));

    [Fact]
    public void Field_of_a_newer_protocol_is_ignored_on_the_wire_and_refused_where_people_write()
    {
        const string Newer = """{"online":true,"mood":"good"}""";
        Assert.True(JsonSerializer.Deserialize(Newer, FleetJson.Default.Presence)!.Online);
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(Newer, FleetJson.Strict.Presence));
    }

    [Fact]
    public void Every_list_of_references_refuses_null_elements()
        => Assert.Empty(MissingIn(FleetJson.Default).Concat(MissingIn(WireJson.Default)));

    private static IEnumerable<string> MissingIn(JsonSerializerContext context)
    {
        var converters = context.Options.Converters.Select(converter => converter.GetType()).ToHashSet();
        return
            from type in typeof(FleetJson).Assembly.GetExportedTypes()
            where !type.IsGenericType && context.Options.TryGetTypeInfo(type, out _)
            from property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            let list = property.PropertyType
            where list.IsGenericType && list.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)
                && !list.GenericTypeArguments[0].IsValueType
            where !converters.Contains(typeof(ListConverter<>).MakeGenericType(list.GenericTypeArguments))
            select $"{context.GetType().Name} lacks the ListConverter<{list.GenericTypeArguments[0].Name}> of {type.Name}.{property.Name}";
    }

    private Dictionary<string, (byte[] Bytes, Action<byte[]> Read)> Messages() => new()
    {
        ["desired"] = Message(Samples.Desired(Samples.Sign(Samples.Manifest(), _key)), FleetJson.Default.DesiredState),
        ["reported"] = Message(Samples.Reported(), FleetJson.Default.ReportedState),
        ["telemetry"] = Message(Samples.Batch(), FleetJson.Default.TelemetryBatch),
        ["presence"] = Message(new Presence(true), FleetJson.Default.Presence),
        ["enroll"] = Message(new EnrollRequest("fleet1.t", DeviceId.Parse("press-1"), "-----BEGIN CERTIFICATE REQUEST-----",
            Samples.X64Facts), FleetJson.Default.EnrollRequest),
        ["plan"] = Message(Samples.Plan(), FleetJson.Default.RolloutPlan),
        ["spec"] = Message(Samples.Spec(), FleetJson.Default.BuildSpec),
    };

    // What parses must also survive what its readers do first: every property is read, lists to their ends.
    private static (byte[] Bytes, Action<byte[]> Read) Message<T>(T sample, JsonTypeInfo<T> type)
        => (JsonSerializer.SerializeToUtf8Bytes(sample, type), bytes =>
        {
            if (JsonSerializer.Deserialize(bytes, type) is not { } value) return;
            JsonSerializer.SerializeToUtf8Bytes(value, type);
            switch (value)
            {
                case TelemetryBatch batch:
                    foreach (var stats in batch.Models)
                        _ = (stats.Latency.Percentile(0.95), stats.Latency.Total(), stats.Latency.Merge(stats.Latency));
                    break;
                case ReportedState reported:
                    HardwareProfile.For(reported.Facts, BuiltInProfiles.All);
                    break;
                case Rollouts.RolloutPlan plan:
                    plan.Problems();
                    break;
                case Builds.BuildSpec spec:
                    Builds.BuildSpecRules.ProblemsOf(spec);
                    break;
            }
        }
    );

    private (byte[] Envelope, ReleaseKey[] Trusted) Envelope()
        => (JsonSerializer.SerializeToUtf8Bytes(Samples.Sign(Samples.Manifest(), _key), FleetJson.Default.DsseEnvelope),
            [ReleaseKey.Of(_key.ExportSubjectPublicKeyInfo())]);

    private static void Storm(byte[] valid, Action<byte[]> receive)
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var watch = Stopwatch.StartNew();
        for (var attempt = 0; watch.Elapsed < Time; attempt++)
        {
            var bytes = attempt % 8 == 0 ? Noise(random) : Mutate(valid, random);
            try { receive(bytes); }
            catch (Exception e) { Assert.Fail($"Attempt {attempt} of seed {seed} threw {e}\n{Encoding.UTF8.GetString(bytes)}"); }
        }
    }

    private static byte[] Noise(Random random)
    {
        var bytes = new byte[random.Next(200)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Changes a valid message as attackers and broken disks do: bytes, cuts, and JSON values for other JSON values.</summary>
    private static byte[] Mutate(byte[] valid, Random random)
    {
        string[] values = [
            "null", "[]", "{}", "\"\"", "-1", "0", "1e999", "99999999999999999999", "[null]", "true", "\"\\ud800\"", "9007199254740993",
            "0.1",
        ];
        var text = new StringBuilder(Encoding.UTF8.GetString(valid));
        for (var changes = random.Next(1, 4); changes > 0 && text.Length > 1; changes--)
        {
            var at = random.Next(text.Length);
            switch (random.Next(5))
            {
                case 0:
                    text[at] = (char)random.Next(32, 127);
                    break;
                case 1:
                    text.Remove(at, Math.Min(random.Next(1, 8), text.Length - at));
                    break;
                case 2:
                    text.Length = at;
                    break;
                default:
                    // The value after the next colon, bracket or comma becomes another one.
                    var whole = text.ToString();
                    var start = whole.AsSpan(at).IndexOfAny(":[,");
                    if (start < 0) continue;
                    start += at + 1;
                    var length = whole.AsSpan(start).IndexOfAny(",}]");
                    if (length < 0) continue;
                    text.Remove(start, length).Insert(start, values[random.Next(values.Length)]);
                    break;
            }
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
