using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Server.Keys;
using Fleet.Server.Releases;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Keys;

/// <summary>Replacing keys: what is prepared counts only once enough have signed it, and what was signed before stays.</summary>
public sealed class KeyChangeTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    private FleetKeys Keys => _fleet.Of<FleetKeys>();

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Release_is_signed_again_by_the_new_key_and_by_nobody_else_and_stays_the_same()
    {
        var release = await _fleet.ReleaseAsync();
        var before = Keys.Root.ReleaseKeys();
        await RotateAsync(new RootChange { Releases = true });
        var now = (await _fleet.Store.FindAsync<Release>(Release.IdOf("speech", 1), default))!.Document;
        Assert.Equal(release.Envelope.Digest(), now.Envelope.Digest());
        Assert.Equal(Keys.Root.ReleaseKeys().Single().Id, now.KeyId);
        Assert.NotEqual(release.KeyId, now.KeyId);
        // A device of protocol 1 or 2 follows no roots: it goes on trusting what it trusted.
        foreach (var keys in (IReadOnlyList<ReleaseKey>[])[before, Keys.Root.ReleaseKeys()])
            Assert.True(ReleaseVerifier.Verify(now.Envelope, keys, _fleet.Clock.GetUtcNow(), "speech", 1).Trusted);

        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Null(Keys.SignAgain(DsseEnvelope.Sign(DsseEnvelope.InToto, now.Envelope.Payload, foreign)));
    }

    [Fact]
    public async Task Server_that_was_killed_before_it_signed_releases_again_does_so_at_its_next_start()
    {
        await _fleet.ReleaseAsync();
        Apply(new RootChange { Releases = true });
        await _fleet.RestartAsync();
        await Eventually.TrueAsync("the release is signed again", async () => (await _fleet.Store.FindAsync<Release>(
            Release.IdOf("speech", 1), default))!.Document.KeyId == Keys.Root.ReleaseKeys().Single().Id);
    }

    [Fact]
    public void Prepared_key_waits_and_is_the_same_when_it_is_prepared_again()
    {
        var first = Root(Keys.Prepare(new RootChange { Orders = true }, _fleet.Clock.GetUtcNow()).Value!);
        var second = Root(Keys.Prepare(new RootChange { Orders = true }, _fleet.Clock.GetUtcNow()).Value!);
        Assert.Equal(first.Roles.Orders.Keys, second.Roles.Orders.Keys);
        Assert.NotEqual(Keys.Root.Roles.Orders.Keys, first.Roles.Orders.Keys);
        Assert.NotNull(Keys.SignOrder(FleetKeysTests.Order(Keys.Root)));
        Assert.Equal(1, Keys.Root.Version);
    }

    [Fact]
    public async Task Root_is_renewed_in_the_last_third_of_its_life_while_its_key_is_here()
    {
        var first = Keys.Root;
        _fleet.Later((first.ExpiresAt - first.IssuedAt) * 0.7);
        await Eventually.TrueAsync("the root is renewed", () => Keys.Root.Version == 2);
        Assert.Equal(first.Keys.Select(key => key.Id), Keys.Root.Keys.Select(key => key.Id));
        Assert.True(Keys.Root.ExpiresAt > first.ExpiresAt);
    }

    [Fact]
    public async Task Root_whose_keys_are_elsewhere_is_asked_for_by_health()
    {
        using var elsewhere = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var prepared = Keys.Prepare(new RootChange { RootKeys = [SignedFleet.PublicOf(elsewhere)] }, _fleet.Clock.GetUtcNow()).Value!;
        Assert.NotNull(Keys.Apply(prepared));
        Assert.Null(Keys.Apply(prepared.SignedBy(elsewhere)));
        _fleet.Later(Keys.Root.ExpiresAt - _fleet.Clock.GetUtcNow() - TimeSpan.FromDays(10));
        var uri = new Uri("/health", UriKind.Relative);
        await Eventually.TrueAsync("health asks for it", async () => (await _fleet.Http.GetStringAsync(uri))
            .Contains("Root 2 expires at", StringComparison.Ordinal));
        _fleet.Later(TimeSpan.FromDays(11));
        await Eventually.TrueAsync("an expired root is a problem", async () => (await _fleet.Http.GetAsync(uri))
            .StatusCode == HttpStatusCode.ServiceUnavailable);
        Assert.Equal(2, Keys.Root.Version);
    }

    [Fact]
    public async Task Lost_key_of_orders_keeps_the_server_running_and_is_replaced()
    {
        await _fleet.LendAsync(() =>
        {
            File.Delete(Path.Combine(_fleet.Folder, "keys", "orders.key"));
            return Task.CompletedTask;
        });
        Assert.Null(Keys.SignOrder(FleetKeysTests.Order(Keys.Root)));
        Assert.Contains("fleet keys rotate orders", Assert.Single(Keys.Problems()), StringComparison.Ordinal);
        await RotateAsync(new RootChange { Orders = true });
        Assert.NotNull(Keys.SignOrder(FleetKeysTests.Order(Keys.Root)));
        Assert.Empty(Keys.Problems());
    }

    [Fact]
    public async Task Release_is_refused_in_a_sentence_while_its_key_is_lost()
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        await _fleet.LendAsync(() =>
        {
            File.Delete(Path.Combine(_fleet.Folder, "keys", "release.key"));
            return Task.CompletedTask;
        });
        var refused = await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default);
        Assert.Contains("fleet keys rotate releases", Assert.Single(refused.Problem!.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_that_names_a_key_of_orders_which_the_server_does_not_have_is_not_applied()
    {
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var key = SignedFleet.PublicOf(foreign);
        var prepared = Root(Keys.Prepare(new RootChange(), _fleet.Clock.GetUtcNow()).Value!);
        var named = prepared with
        {
            Keys = [.. prepared.Keys.Where(known => !prepared.Roles.Orders.Keys.Contains(known.Id)), key],
            Roles = prepared.Roles with { Orders = new TrustRole([key.Id], 1) },
        };
        using var root = SigningKey.Open(Path.Combine(_fleet.Folder, "keys", "root.key"));
        var refused = await PostAsync("/api/v1/keys/roots", root.Sign(RootDraft.Unsigned(named)), FleetJson.Default.DsseEnvelope);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Equal(1, Keys.Root.Version);
    }

    [Fact]
    public async Task Root_that_too_few_have_signed_is_not_applied_and_nothing_changes()
    {
        var unsigned = Keys.Prepare(new RootChange { Orders = true }, _fleet.Clock.GetUtcNow()).Value! with { Signatures = [] };
        var refused = await PostAsync("/api/v1/keys/roots", unsigned, FleetJson.Default.DsseEnvelope);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Equal(1, Keys.Root.Version);
        using var again = FleetKeys.OpenOrCreate(KeyPlaces.In(KeyFolder.In(_fleet.Folder)), null, _fleet.Clock);
        Assert.Equal(1, again.Root.Version);
    }

    /// <summary>R10: a release signed 800 days ahead made every later one expired on the devices that took it.</summary>
    [Theory]
    [InlineData(800)]
    [InlineData(-365)]
    public async Task Release_is_refused_by_a_clock_that_jumped_until_an_admin_vouches_for_it(int days)
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        await _fleet.LendAsync(() =>
        {
            File.WriteAllText(Path.Combine(_fleet.Folder, "clock.json"),
                $$"""{"at":"{{DateTimeOffset.UtcNow.AddDays(-days):O}}","anchor":0}""");
            return Task.CompletedTask;
        });
        var refused = await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default);
        Assert.Contains("fleet keys anchor-time", Assert.Single(refused.Problem!.Problems), StringComparison.Ordinal);
        using var vouched = await RunningServer.PostAsync(_fleet.Http, "/api/v1/keys/time-anchor", "");
        Assert.Equal(HttpStatusCode.OK, vouched.StatusCode);
        Assert.Equal(1, _fleet.Of<SigningClock>().Anchor);
        Assert.NotNull((await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default)).Value);
    }

    private static TrustRoot Root(DsseEnvelope envelope) => RootChain.Peek(envelope, out _)!;

    private void Apply(RootChange change)
        => Assert.Null(Keys.Apply(Keys.Prepare(change, _fleet.Clock.GetUtcNow()).Value!));

    private async Task RotateAsync(RootChange change)
    {
        using var prepared = await PostAsync("/api/v1/keys/changes", change, FleetJson.Default.RootChange);
        var root = JsonSerializer.Deserialize(await prepared.Content.ReadAsStringAsync(), FleetJson.Default.DsseEnvelope)!;
        using var applied = await PostAsync("/api/v1/keys/roots", root, FleetJson.Default.DsseEnvelope);
        Assert.True(applied.IsSuccessStatusCode, await applied.Content.ReadAsStringAsync());
    }

    private Task<HttpResponseMessage> PostAsync<T>(string path, T body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        => RunningServer.PostAsync(_fleet.Http, path, JsonSerializer.Serialize(body, type));
}
