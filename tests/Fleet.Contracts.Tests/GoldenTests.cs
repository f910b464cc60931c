using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts.Http;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests;

/// <summary>
/// The wire as it was agreed. A golden file is never edited to make a test pass: a change of meaning is a new protocol number,
/// with files of its own, and the earlier ones stay.
/// </summary>
public sealed partial class GoldenTests
{
    private static readonly string Document = File.ReadAllText(Repository.PathOf("shared", "Fleet.Contracts", "PROTOCOL.md"));

    /// <summary>Each golden file and what it is read as.</summary>
    private static readonly Dictionary<string, Type> Types = new()
    {
        ["presence"] = typeof(Presence),
        ["desired-state"] = typeof(DesiredState),
        ["release-statement"] = typeof(ReleaseStatement),
        ["reported-state"] = typeof(ReportedState),
        ["telemetry-batch"] = typeof(Telemetry.TelemetryBatch),
        ["enroll-request"] = typeof(EnrollRequest),
        ["enroll-response"] = typeof(EnrollResponse),
        ["renew-request"] = typeof(RenewRequest),
        ["problem"] = typeof(ApiProblem),
        ["build-spec"] = typeof(Builds.BuildSpec),
        ["rollout-plan"] = typeof(Rollouts.RolloutPlan),
        // Since protocol 2.
        ["scores"] = typeof(Validation.Scores),
        ["gate"] = typeof(Validation.ValidationGate),
        // Since protocol 3.
        ["root"] = typeof(TrustRoot),
        ["order"] = typeof(DeviceOrder),
        ["grouped-plan"] = typeof(Rollouts.RolloutPlan),
        ["grouped-order"] = typeof(DeviceOrder),
        ["withdrawing-order"] = typeof(DeviceOrder),
        ["ordered-state"] = typeof(DesiredState),
        ["self-response"] = typeof(SelfResponse),
        ["receipt"] = typeof(Receipt),
        ["carried-report"] = typeof(CarriedReport),
        ["proving-report"] = typeof(ReportedState),
        // In the metadata of a model's file.
        ["input-form"] = typeof(InputForm),
        ["series-form"] = typeof(InputForm),
    };

    public static TheoryData<string> Names
        => [.. Directory.EnumerateFiles(Folder, "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Order()];

    public static TheoryData<string> DeviceNames
        => [.. Types.Where(type => WireJson.Default.Options.TryGetTypeInfo(type.Value, out _)).Select(type => type.Key)];

    private static string Folder => Repository.PathOf("tests", "Fleet.Contracts.Tests", "golden");

    [Theory]
    [MemberData(nameof(Names))]
    public void Message_of_the_wire_reads_and_writes_back_the_same(string name)
    {
        var type = FleetJson.Indented.GetTypeInfo(Types[name])!;
        Assert.Equal(Golden(name), JsonSerializer.Serialize(JsonSerializer.Deserialize(Golden(name), type), type));
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void Device_reads_and_writes_the_message_as_a_server_does(string name)
    {
        var (device, server) = (WireJson.Default.GetTypeInfo(Types[name])!, FleetJson.Default.GetTypeInfo(Types[name])!);
        var written = JsonSerializer.Serialize(JsonSerializer.Deserialize(Golden(name), device), device);
        Assert.Equal(JsonSerializer.Serialize(JsonSerializer.Deserialize(Golden(name), server), server), written);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Protocol_document_shows_the_message(string name)
        => Assert.Contains($"```json {name}\n{Golden(name)}\n```", Document, StringComparison.Ordinal);

    [Fact]
    public void Every_example_of_the_protocol_document_is_a_golden_file()
        => Assert.All(Example().Matches(Document), example => Assert.Contains(example.Groups[1].Value, Types.Keys));

    [Fact]
    public void Every_kind_of_message_has_a_golden_file() => Assert.Equal(Types.Keys.Order(), Names.Select(row => row.Data));

    [Fact]
    public void Release_in_the_desired_state_is_signed_by_the_key_of_the_enrollment_and_says_what_the_statement_says()
    {
        var release = Read<DesiredState>("desired-state").Assignments[0].Release;
        var keys = Read<EnrollResponse>("enroll-response").ReleaseKeys;
        var verdict = ReleaseVerifier.Verify(release, keys, Samples.Now, "vibration", 3);
        Assert.True(verdict.Trusted, verdict.Reason);
        Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(Read<ReleaseStatement>("release-statement"), FleetJson.Default.ReleaseStatement),
            release.Payload);
    }

    [Fact]
    public void Order_beside_the_desired_state_is_accepted_by_the_device_it_names_and_says_what_the_order_says()
    {
        var state = Read<DesiredState>("ordered-state");
        var begun = RootChain.First(Assert.Single(state.Roots!), null);
        Assert.True(begun.Trusted, begun.Reason);
        Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(Read<TrustRoot>("root"), FleetJson.Default.TrustRoot), state.Roots![0].Payload);
        Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(Read<DeviceOrder>("order"), FleetJson.Default.DeviceOrder), state.Order!.Payload);
        var verdict = OrderVerifier.Verify(state.Order, state.Revision, state.Ordered(), new OrderGround
        {
            Root = begun.Root!,
            Device = Devices.DeviceId.Parse("press-1"),
            Accepted = default,
            Known = new HashSet<string>(),
            Now = Samples.Now,
        });
        Assert.True(verdict.Accepted, verdict.Reason);
    }

    [Fact]
    public void Order_in_a_report_is_the_one_that_was_accepted_and_answers_its_revision()
    {
        var (report, told) = (Read<ReportedState>("proving-report"), Read<DesiredState>("ordered-state"));
        Assert.Equal(told.Order!.Payload, report.Order!.Payload);
        Assert.Equal(report.Revision, OrderVerifier.Read(report.Order)!.Revision);
        Assert.Equal(told.Roots![0].Digest(), report.Trust!.Digest);
    }

    [Theory]
    [InlineData(typeof(DeploymentPhase))]
    [InlineData(typeof(DeploymentFailure))]
    [InlineData(typeof(ReleaseFault))]
    [InlineData(typeof(OrderFault))]
    [InlineData(typeof(RootFault))]
    [InlineData(typeof(Rollouts.RolloutStatus))]
    [InlineData(typeof(Rollouts.DeviceRolloutStatus))]
    [InlineData(typeof(Rollouts.DeviceReturnStatus))]
    [InlineData(typeof(Builds.BuildStatus))]
    public void Every_word_of_an_enumeration_is_explained(Type enumeration)
        => Assert.All(Enum.GetNames(enumeration),
            name => Assert.Contains($"| `{JsonNamingPolicy.CamelCase.ConvertName(name)}` |", Document, StringComparison.Ordinal));

    [Fact]
    public void Every_limit_is_listed_with_its_number()
        => Assert.All(ConstantsOf(typeof(Limits)),
            limit => Assert.Contains($"| `{limit.Name}` | {limit.GetRawConstantValue()} |", Document, StringComparison.Ordinal));

    [Fact]
    public void Every_channel_is_listed_with_who_may_use_it()
    {
        var device = Devices.DeviceId.Parse("press-1");
        Assert.All(ConstantsOf(typeof(Topics)).Where(constant => constant.Name != nameof(Topics.Root)), constant =>
        {
            var topic = Topics.Of(device, (string)constant.GetRawConstantValue()!);
            Assert.Contains($"| `{topic.Replace("press-1", "{deviceId}", StringComparison.Ordinal)}` | "
                + $"{YesNo(Topics.MayPublish(device, topic))} | {YesNo(Topics.MaySubscribe(device, topic))} |",
                    Document, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Every_protocol_number_has_its_dated_line()
    {
        for (var version = 1; version <= ProtocolVersion.Current; version++)
            Assert.Matches($@"\| {version} \| \d{{4}}-\d\d-\d\d \|", Document);
    }

    [Fact]
    public void Every_metric_is_listed_with_its_unit_and_direction()
        => Assert.All(Contracts.Tasks.Metric.All.Values, metric => Assert.Contains(
            $"| `{metric.Name}` | {(metric.Unit.Length > 0 ? metric.Unit : "of the labels")} | "
                + $"{JsonNamingPolicy.CamelCase.ConvertName($"{metric.Better}")} |", Document, StringComparison.Ordinal));

    [Fact]
    public void Pack_of_protocol_2_says_what_the_batch_of_protocol_1_says()
    {
        var pack = Convert.FromHexString(File.ReadAllText(Path.Combine(Folder, "telemetry-pack.hex")).Trim());
        var batch = Assert.Single(Telemetry.TelemetryPack.Decode(pack));
        Assert.Equal(Golden("telemetry-batch"), JsonSerializer.Serialize(batch, FleetJson.Indented.TelemetryBatch));
        // Deflate may pack otherwise on another machine; what it unpacks to is the same.
        Assert.InRange(Telemetry.TelemetryPack.Encode([batch]).Length, 1, pack.Length + 8);
    }

    [Fact]
    public void Types_of_the_signature_are_spelled_as_in_code() => Assert.All(
        (string[])[DsseEnvelope.InToto, ReleaseStatement.StatementType, ReleaseStatement.ReleasePredicate, TrustRoot.PayloadType,
            DeviceOrder.PayloadType, CarriedReport.PayloadType],
        type => Assert.Contains($"`{type}`", Document, StringComparison.Ordinal));

    private static string YesNo(bool value) => value ? "yes" : "no";

    private static string Golden(string name) => File.ReadAllText(Path.Combine(Folder, name + ".json")).TrimEnd('\n');

    private static T Read<T>(string name) => (T)JsonSerializer.Deserialize(Golden(name), FleetJson.Default.GetTypeInfo(typeof(T))!)!;

    private static IEnumerable<FieldInfo> ConstantsOf(Type type)
        => type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral);

    [GeneratedRegex("^```json ([a-z-]+)$", RegexOptions.Multiline)]
    private static partial Regex Example();
}
