using System.Globalization;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Platform;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Agent.Tests.Enrollment;

public sealed class EnrollmentTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _told = [];

    public void Dispose() => _folder.Dispose();

    private DataFolder Data => new(_folder.Path);

    [Fact]
    public async Task Token_becomes_an_identity_that_only_its_owner_can_read()
    {
        await using var server = await TestServer.StartAsync();
        var identity = await EnrollAsync(server);
        Assert.Equal(("dev-1", server.Mqtt), (identity.Device.Value, identity.Mqtt));
        Assert.Equal(OwnerOnly.FileMode, File.GetUnixFileMode(Data.Identity));
        Assert.DoesNotContain("PRIVATE", identity.ToString(), StringComparison.Ordinal);
        Assert.Equal("x64", Assert.Single(server.Enrollments).Facts.DeclaredProfile);

        using var http = new DeviceCredentials(Data, IdentityFile.Read(Data)!, new TrustedTime(Data, TimeProvider.System)).OpenHttp();
        Assert.Equal("ok", await http.GetStringAsync("/health"));
    }

    [Fact]
    public async Task Server_of_another_authority_is_told_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var other = new TestAuthority();
        server.Token = JoinToken.Create(other.Fingerprint);
        var refused = await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server));
        Assert.Contains("not issued by the authority of the join token", refused.Message, StringComparison.Ordinal);
        AssertNothingHappened(server);
    }

    [Fact]
    public async Task Right_authority_under_the_wrong_host_name_is_told_nothing()
    {
        await using var server = await TestServer.StartAsync("fleet.example");
        var refused = await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server));
        Assert.Contains("does not name the host", refused.Message, StringComparison.Ordinal);
        AssertNothingHappened(server);
    }

    [Theory]
    [InlineData(401, "The join token is not known.")]
    [InlineData(403, "The join token was used up.")]
    [InlineData(403, "The join token expired.")]
    [InlineData(409, "Device id dev-1 is taken.")]
    public async Task Refusal_is_shown_in_the_servers_words_and_nothing_is_stored(int status, string sentence)
    {
        await using var server = await TestServer.StartAsync();
        server.Refusal = new ApiProblem(sentence, status, ["Ask an operator for a new one."]);
        var refused = await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server));
        Assert.Equal($"The server refused: {sentence} Ask an operator for a new one.", refused.Message);
        Assert.Equal(EnrollmentFailure.Refused, refused.Failure);
        Assert.False(File.Exists(Data.Identity));
    }

    [Fact]
    public async Task Existing_identity_is_not_overwritten()
    {
        await using var server = await TestServer.StartAsync();
        await EnrollAsync(server);
        var before = await File.ReadAllBytesAsync(Data.Identity);
        var refused = await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server, "dev-2"));
        Assert.Contains("add --replace", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(Data.Identity));
    }

    [Fact]
    public async Task Server_that_is_down_is_worth_another_try()
    {
        var server = await TestServer.StartAsync();
        Assert.NotNull(server.Token);
        await server.DisposeAsync();
        var refused = await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server));
        Assert.Equal(EnrollmentFailure.Unreachable, refused.Failure);
    }

    [Fact]
    public async Task Program_ends_with_a_sentence_and_an_exit_code()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var wrong = await agent.RunAsync("enroll", "--server", server.Address.ToString(), "--token", "fleet1.nonsense", "--id", "dev-1");
        Assert.Equal(2, wrong.Code);
        Assert.StartsWith("fleet-agent: This is not a join token.", wrong.Output, StringComparison.Ordinal);
        Assert.Equal(3, (await agent.RunAsync("run")).Code);
        Assert.Equal(3, (await agent.RunAsync("self-check")).Code);
        Assert.Equal(2, (await agent.RunAsync("enroll")).Code);
        await agent.EnrollAsync();
        var check = await agent.RunAsync("self-check");
        Assert.True(check.Code == 0, check.Output);
        Assert.DoesNotContain("FAILED", check.Output, StringComparison.Ordinal);
        var setting = await agent.RunAsync("run", "--set", "Link:KeepAlive=00:00:00", "--set", "Shelf:MaximumAttempts=0");
        Assert.Equal(2, setting.Code);
        Assert.Contains("KeepAlive must be within", setting.Output, StringComparison.Ordinal);
        Assert.Contains("MaximumAttempts", setting.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Self_check_finds_a_key_that_others_can_read()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        File.SetUnixFileMode(agent.Data.Identity, OwnerOnly.FileMode | UnixFileMode.OtherRead);
        var check = await agent.RunAsync("self-check");
        Assert.Equal(1, check.Code);
        Assert.Contains("FAILED file mode", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Renewal_replaces_key_and_certificate_and_the_new_one_opens_the_door()
    {
        await using var server = await TestServer.StartAsync();
        var identity = await EnrollAsync(server);
        var credentials = new DeviceCredentials(Data, identity, new TrustedTime(Data, TimeProvider.System));
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        using var renewal = new CertificateRenewal(
            Data, credentials, new TrustedTime(Data, time), time, NullLogger<CertificateRenewal>.Instance);
        await renewal.RenewAsync(CancellationToken.None);

        var renewed = IdentityFile.Read(Data)!;
        Assert.NotEqual(identity.PrivateKey, renewed.PrivateKey);
        Assert.False(File.Exists(Data.PendingKey));
        Assert.Equal(credentials.Certificate.SerialNumber, Assert.Single(server.Shown));
        Assert.True(credentials.Certificate.NotAfter > DateTime.UtcNow.AddDays(300));
        using var http = credentials.OpenHttp();
        Assert.Equal("ok", await http.GetStringAsync("/health"));
    }

    /// <summary>R13: a retry came with another key, so the server could not know the device again.</summary>
    /// <summary>
    /// Whoever holds the authority could fill the memory of every device that asks: the client kept up to 2 GiB of an answer.
    /// </summary>
    [Fact]
    public async Task Answer_that_never_ends_is_given_up_at_its_limit()
    {
        await using var server = await TestServer.StartAsync();
        var identity = await EnrollAsync(server);
        server.IsEndless = true;
        var time = new TrustedTime(Data, TimeProvider.System);
        var credentials = new DeviceCredentials(Data, identity, time);
        using var renewal = new CertificateRenewal(
            Data, credentials, time, TimeProvider.System, NullLogger<CertificateRenewal>.Instance);
        Func<Task>[] calls =
        [
            () => renewal.RenewAsync(CancellationToken.None),
            () => new ServerMove(Data).MoveAsync(server.Address, CancellationToken.None),
            () => EnrollAsync(server, replace: true),
        ];
        foreach (var call in calls)
        {
            var ended = await Assert.ThrowsAnyAsync<Exception>(call);
            Assert.Contains(Limits.EnrollmentAnswerBytes.ToString(CultureInfo.InvariantCulture), ended.Message, StringComparison.Ordinal);
        }
        Assert.Equal(identity.Certificate, IdentityFile.Read(Data)!.Certificate);
    }

    [Fact]
    public async Task Enrollment_that_was_cut_short_is_repeated_with_the_same_key()
    {
        await using var server = await TestServer.StartAsync();
        server.Refusal = new ApiProblem("The server is busy.", 503, []);
        await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server));
        Assert.Equal(OwnerOnly.FileMode, File.GetUnixFileMode(Data.PendingKey));
        server.Refusal = null;
        await EnrollAsync(server);

        Assert.Equal(2, server.Enrollments.Count);
        Assert.Single(server.Enrollments.Select(KeyOf).Distinct());
        Assert.False(File.Exists(Data.PendingKey));
    }

    [Fact]
    public async Task Pending_key_that_was_cut_is_replaced()
    {
        await using var server = await TestServer.StartAsync();
        Data.Create();
        await File.WriteAllTextAsync(Data.PendingKey, "-----BEGIN PRIVATE KEY-----\nMIGH");
        Assert.Equal("dev-1", (await EnrollAsync(server)).Device.Value);
    }

    [Fact]
    public async Task New_key_for_the_same_device_keeps_its_profile_and_needs_to_be_asked_for()
    {
        await using var server = await TestServer.StartAsync();
        var before = await EnrollAsync(server);
        Assert.Contains("belongs to device dev-1", (await Assert.ThrowsAsync<EnrollmentException>(
            () => EnrollAsync(server, "dev-2", replace: true))).Message, StringComparison.Ordinal);
        var order = new EnrollmentOrder(server.Address, server.Token.Reveal(), before.Device, null, Replace: true);
        var after = await new Enroller(Data, new FactsReader(), TimeProvider.System, _told.Add).EnrollAsync(order, CancellationToken.None);
        Assert.NotEqual(before.PrivateKey, after.PrivateKey);
        Assert.Equal("x64", after.Profile);
        Assert.Equal(after.Certificate, IdentityFile.Read(Data)!.Certificate);
    }

    [Fact]
    public async Task Identity_that_does_not_read_any_more_is_replaced_when_that_is_asked_for()
    {
        await using var server = await TestServer.StartAsync();
        Data.Create();
        await File.WriteAllTextAsync(Data.Identity, "{");
        await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server));
        Assert.Equal("dev-1", (await EnrollAsync(server, replace: true)).Device.Value);
    }

    [Fact]
    public async Task Device_waits_for_an_approval_and_says_so_once()
    {
        await using var server = await TestServer.StartAsync();
        server.Refusal = new ApiProblem("Device dev-1 waits for an operator's approval.", 202, []);
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var order = new EnrollmentOrder(server.Address, server.Token.Reveal(), DeviceId.Parse("dev-1"), null);
        var enrolling = new Enroller(Data, new FactsReader(), clock, _told.Add).EnrollAsync(order, CancellationToken.None);

        await Eventually.TrueAsync("it has asked three times", () => Waits(clock, () => server.Enrollments.Count >= 3));
        server.Refusal = null;
        await Eventually.TrueAsync("it is enrolled", () => Waits(clock, () => enrolling.IsCompleted));
        Assert.Equal("dev-1", (await enrolling).Device.Value);
        Assert.Equal("Device dev-1 waits for an operator's approval.", Assert.Single(_told));
    }

    /// <summary>R12: a device that was off past its certificate's end did not say what to do.</summary>
    [Fact]
    public async Task Agent_whose_certificate_has_ended_names_the_command_that_lets_it_back()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var (key, request) = DeviceKey.Pending(agent.Data, DeviceId.Parse("dev-1"));
        IdentityFile.Write(agent.Data, IdentityFile.Read(agent.Data)! with
        {
            Certificate = server.Authority.Device("dev-1", request, DateTimeOffset.UtcNow.AddMinutes(-5)),
            PrivateKey = key,
        });
        agent.Start();
        await agent.Process.WaitForLineAsync("fleet devices reenroll dev-1", Eventually.DefaultDeadline);
    }

    [Theory]
    [InlineData(1, 60, 120)]
    [InlineData(2, 120, 240)]
    [InlineData(5, 960, 1920)]
    [InlineData(50, 960, 1920)]
    public void Wait_after_a_takeover_is_long_and_grows(int takeovers, int least, int most)
    {
        for (var seed = 0; seed < 100; seed++)
            Assert.InRange(
                Fleet.Agent.Link.ServerLink.TakeoverDelay(new Random(seed), takeovers, TimeSpan.FromMinutes(2)).TotalSeconds, least, most);
    }

    [Theory]
    [InlineData(59, false)]
    [InlineData(61, true)]
    [InlineData(100, true)]
    public void Renewal_is_due_in_the_last_third(int day, bool due)
        => Assert.Equal(due, CertificateRenewal.IsDue(
            DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddDays(90), DateTimeOffset.UnixEpoch.AddDays(day)));

    [Fact]
    public void Clock_that_is_set_back_does_not_set_the_trusted_time_back()
    {
        Data.Create();
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var signed = new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
        new TrustedTime(Data, time).Advance(signed);
        Assert.Equal(signed, new TrustedTime(Data, time).Latest());
        time.SetUtcNow(signed.AddDays(1));
        Assert.Equal(signed.AddDays(1), new TrustedTime(Data, time).Latest());
    }

    private Task<Identity> EnrollAsync(TestServer server, string device = "dev-1", bool replace = false)
        => new Enroller(Data, new FactsReader(), TimeProvider.System, _told.Add).EnrollAsync(
            new EnrollmentOrder(server.Address, server.Token.Reveal(), DeviceId.Parse(device), "x64", replace), CancellationToken.None);

    private static bool Waits(FakeTimeProvider clock, Func<bool> done)
    {
        clock.Advance(TimeSpan.FromMinutes(1));
        return done();
    }

    private static string KeyOf(EnrollRequest request)
        => Convert.ToHexString(System.Security.Cryptography.X509Certificates.CertificateRequest
            .LoadSigningRequestPem(request.CertificateSigningRequest, System.Security.Cryptography.HashAlgorithmName.SHA256)
            .PublicKey.ExportSubjectPublicKeyInfo());

    private void AssertNothingHappened(TestServer server)
    {
        Assert.Empty(server.Enrollments);
        Assert.False(File.Exists(Data.Identity));
    }
}
