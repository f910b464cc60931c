using System.Buffers;
using System.Text;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Link;
using Fleet.Agent.Orders;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Link;

public sealed class DesiredTests
{
    private const string Release = """{"payloadType":"t","payload":"","signatures":[]}""";

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("not json")]
    [InlineData("""{"revision":1}""")]
    [InlineData("""{"revision":-1,"assignments":[]}""")]
    [InlineData("""{"revision":1,"assignments":[{"model":"UPPER","version":1,"release":RELEASE}]}""")]
    [InlineData("""{"revision":1,"assignments":[{"model":"../../etc","version":1,"release":RELEASE}]}""")]
    [InlineData("""{"revision":1,"assignments":[{"model":"m","version":1,"release":RELEASE},{"model":"m","version":2"""
        + ""","release":RELEASE}]}""")]
    public void Malformed_state_is_refused_and_the_last_good_one_stays(string text)
    {
        var slot = new DesiredSlot();
        using var folder = new TemporaryFolder();
        using var inbox = new DesiredInbox(
            GateOf(new DataFolder(folder.Path), slot), TimeProvider.System, NullLogger<DesiredInbox>.Instance);
        inbox.Receive(Bytes("""{"revision":3,"assignments":[]}"""));
        inbox.Receive(Bytes(text.Replace("RELEASE", Release, StringComparison.Ordinal)));
        Assert.Equal(3, slot.Newest?.Revision);
    }

    [Fact]
    public void State_at_the_limit_is_read_and_one_byte_more_is_not()
    {
        const string text = """{"revision":1,"assignments":[]}""";
        Assert.NotNull(DesiredInbox.Read(Bytes(text.PadRight(Limits.DesiredStateBytes)), out _));
        Assert.Null(DesiredInbox.Read(Bytes(text.PadRight(Limits.DesiredStateBytes + 1)), out var problem));
        Assert.Contains($"at most {Limits.DesiredStateBytes:N0} are read", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void More_models_than_a_device_runs_are_refused()
    {
        static string With(int count)
            => $$"""{"revision":1"""
                + $$""","assignments":[{{string.Join(
                    ',', Enumerable.Range(0, count).Select(i => $$"""{"model":"m{{i}}","version":1,"release":{{Release}}}"""))}}]}""";
        Assert.NotNull(DesiredInbox.Read(Bytes(With(Limits.ModelsPerDevice)), out _));
        Assert.Null(DesiredInbox.Read(Bytes(With(Limits.ModelsPerDevice + 1)), out _));
    }

    [Fact]
    public void Revision_0_is_what_a_device_hears_before_anything_was_asked_of_it()
        => Assert.NotNull(DesiredInbox.Read(Bytes("""{"revision":0,"assignments":[]}"""), out _));

    [Fact]
    public void Unknown_fields_are_ignored()
        => Assert.NotNull(DesiredInbox.Read(Bytes("""{"revision":1,"assignments":[],"later":{"x":1}}"""), out _));

    [Fact]
    public async Task Slot_holds_the_newest_only_and_wakes_whoever_waits()
    {
        var slot = new DesiredSlot();
        var waiting = slot.ChangedAsync(null, CancellationToken.None);
        Assert.False(waiting.IsCompleted);
        slot.Set(State(1));
        slot.Set(State(3));
        slot.Set(State(2));
        await waiting.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(3, slot.Take()?.Revision);
        Assert.Null(slot.Take());
        Assert.False(slot.ChangedAsync(null, CancellationToken.None).IsCompleted);
    }

    [Fact]
    public async Task Whoever_has_seen_what_waits_is_woken_by_the_next_one_only()
    {
        var slot = new DesiredSlot();
        slot.Set(State(1));
        Assert.True(slot.ChangedAsync(null, CancellationToken.None).IsCompleted);
        var seen = slot.Newest;
        var waiting = slot.ChangedAsync(seen, CancellationToken.None);
        Assert.False(waiting.IsCompleted);
        slot.Set(State(2));
        await waiting.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.True(slot.ChangedAsync(seen, CancellationToken.None).IsCompleted);
    }

    /// <summary>The gate of a device that trusts no root yet, and acts on desired states as protocol 1 did.</summary>
    private static OrderGate GateOf(DataFolder folder, DesiredSlot slot)
    {
        using var authority = new TestAuthority();
        var (privateKey, request) = DeviceKey.Pending(folder, DeviceId.Parse("dev-1"));
        var identity = new Identity
        {
            Device = DeviceId.Parse("dev-1"),
            Server = new Uri("https://localhost"),
            Mqtt = "localhost:8883",
            Certificate = authority.Device("dev-1", request),
            PrivateKey = privateKey,
            CertificateAuthority = authority.Certificate.ExportCertificatePem(),
            ReleaseKeys = [],
            EnrolledAt = DateTimeOffset.UtcNow,
        };
        var credentials = new DeviceCredentials(folder, identity, new TrustedTime(folder, TimeProvider.System));
        return new OrderGate(
            credentials, new DesiredFile(folder, credentials, NullLogger<DesiredFile>.Instance), slot,
            new OrderedTimings(folder, TimeProvider.System, NullLogger<OrderedTimings>.Instance),
            new TrustedTime(folder, TimeProvider.System), NullLogger<OrderGate>.Instance);
    }

    private static DesiredState State(long revision) => new() { Revision = revision, Assignments = [] };

    private static ReadOnlySequence<byte> Bytes(string text) => new(Encoding.UTF8.GetBytes(text));
}
