using System.Net;
using Fleet.Contracts.Http;
using Fleet.Server.Health;
using Fleet.Server.Keys;
using Fleet.Server.Releases;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Keys;

/// <summary>
/// Keys in a security module (SoftHSM): one that is away, locked or refuses its PIN loses nothing and is said in a sentence.
/// </summary>
public sealed class SecurityModuleTests : IAsyncLifetime
{
    private const string Releases = "--Fleet:Keys:ReleaseKeyLabel=releases";
    private const string Orders = "--Fleet:Keys:OrderKeyLabel=orders";
    private SoftModule _module = null!;
    private TestFleet? _fleet;

    private TestFleet Fleet => _fleet!;

    private FleetKeys Keys => Fleet.Of<FleetKeys>();

    private IReadOnlyList<string> Problems => Fleet.Of<ServerHealth>().Problems;

    public async ValueTask InitializeAsync()
    {
        _module = await SoftModule.CreateAsync();
        _module.UseInThisProcess();
    }

    public async ValueTask DisposeAsync()
    {
        if (_fleet is not null) await _fleet.DisposeAsync();
        _module.Dispose();
    }

    [Fact]
    public async Task Keys_of_a_new_fleet_are_made_in_the_module_and_never_lie_in_files()
    {
        await StartAsync(Releases, Orders);
        var release = await Fleet.ReleaseAsync();
        Assert.Equal(Keys.Root.ReleaseKeys().Single().Id, release.KeyId);
        Assert.NotNull(Keys.SignOrder(FleetKeysTests.Order(Keys.Root)));
        Assert.Equal(["ca.key", "operator.key", "root.key", "roots.json", "worker.key"], FilesOfKeys());
        var shown = Keys.View(Fleet.Of<SigningClock>());
        Assert.Equal(
            shown.Root.Roles.Releases.Keys.Concat(shown.Root.Roles.Orders.Keys).Order(), shown.InModule.Order());
        Assert.Equal(shown.InModule.Concat(shown.Root.Roles.Root.Keys).Order(), shown.OnServer.Order());
        await Fleet.RestartAsync();
        Assert.Equal(release.KeyId, (await Fleet.ReleaseAsync()).KeyId);
    }

    [Fact]
    public async Task Release_key_moves_from_its_file_into_the_module_by_being_replaced_and_back()
    {
        await StartAsync();
        var file = (await Fleet.ReleaseAsync()).KeyId;
        await Fleet.RestartAsync([.. _module.Settings(), Releases]);
        Assert.Equal(file, (await Fleet.ReleaseAsync()).KeyId); // it goes on signing until a root names another
        Assert.Empty(Problems);
        await RotateAsync();
        var inside = (await Fleet.ReleaseAsync()).KeyId;
        Assert.NotEqual(file, inside);
        Assert.DoesNotContain("release.key", FilesOfKeys());

        // Replaced within the module: another key under the same label.
        await RotateAsync();
        Assert.NotEqual(inside, (await Fleet.ReleaseAsync()).KeyId);

        await Fleet.RestartAsync([]);
        Assert.Contains("fleet keys rotate releases", Assert.Single(Problems), StringComparison.Ordinal);
        await RotateAsync();
        Assert.Empty(Problems);
        await Fleet.ReleaseAsync();
        Assert.Contains("release.key", FilesOfKeys());
    }

    [Fact]
    public async Task Module_that_is_away_is_said_and_loses_nothing_and_signs_again_once_it_is_back()
    {
        await StartAsync(Releases, Orders);
        var release = await Fleet.ReleaseAsync();
        var build = await Fleet.BuildAsync("speech", await Fleet.VariantAsync("x64-int8", "x64"));
        _module.TakeAway();
        await Fleet.RestartAsync();

        var refused = await Fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default);
        Assert.Contains("it is not there", Assert.Single(refused.Problem!.Problems), StringComparison.Ordinal);
        Assert.Contains("token 'fleet test'", Assert.Single(Problems), StringComparison.Ordinal);
        Assert.Null(Keys.SignOrder(FleetKeysTests.Order(Keys.Root)));
        var shown = Keys.View(Fleet.Of<SigningClock>());
        Assert.Empty(shown.InModule);
        Assert.Contains("it is not there", Assert.Single(shown.Problems), StringComparison.Ordinal);
        var prepared = Keys.Prepare(new RootChange { Releases = true }, Fleet.Clock.GetUtcNow());
        Assert.Contains("it is not there", Assert.Single(prepared.Problem!.Problems), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Fleet.Http.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);

        _module.PutBack();
        await ClearsAsync();
        Assert.NotNull(Keys.SignOrder(FleetKeysTests.Order(Keys.Root)));
        var published = await Fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default);
        Assert.Equal((release.KeyId, 1), (published.Value!.KeyId, Keys.Root.Version));
    }

    [Fact]
    public async Task Module_that_is_taken_away_while_the_server_runs_is_used_again_without_a_restart()
    {
        await StartAsync(Releases);
        await Fleet.ReleaseAsync();
        Fleet.Of<SecurityModule>().Dispose(); // what a module that lost its power does to the sessions there were
        _module.TakeAway();
        Fleet.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Null(Keys.SignRelease([1, 2, 3]));
        Assert.Contains("it is not there", Assert.Single(Keys.Problems()), StringComparison.Ordinal);
        _module.PutBack();
        await ClearsAsync();
        await Fleet.ReleaseAsync();
    }

    [Fact]
    public async Task Wrong_pin_is_said_tried_once_and_never_shown_and_the_right_one_is_taken_without_a_restart()
    {
        await StartAsync(Releases);
        var build = await Fleet.BuildAsync("speech", await Fleet.VariantAsync("x64-int8", "x64"));
        _module.SetPin("111-222");
        await Fleet.RestartAsync();

        var refused = await Fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default);
        var said = Assert.Single(refused.Problem!.Problems);
        Assert.Contains($"it refused the PIN in {_module.PinFile}", said, StringComparison.Ordinal);
        Assert.DoesNotContain("111-222", said, StringComparison.Ordinal);
        Fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains("not tried again until the file changes", Assert.Single(Keys.Problems()), StringComparison.Ordinal);

        _module.SetPin(SoftModule.Pin, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains($"chmod 600 {_module.PinFile}", Assert.Single(Keys.Problems()), StringComparison.Ordinal);

        _module.SetPin(SoftModule.Pin);
        await ClearsAsync();
        Assert.NotNull((await Fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default)).Value);
    }

    [Fact]
    public async Task First_start_without_its_module_is_refused_and_makes_no_root()
    {
        _module.TakeAway();
        using var folder = new TemporaryFolder();
        var refused = await Assert.ThrowsAsync<KeyUnavailableException>(() => Program.CreateAsync(
            [$"--Fleet:DataFolder={folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", Releases,
                .. _module.Settings()]));
        Assert.Contains("it is not there", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["keys", "roots.json"]));
    }

    [Fact]
    public void Settings_of_a_module_are_asked_for_together()
    {
        Assert.Equal(3, new KeysOptions { ReleaseKeyLabel = "releases" }.Problems().Count);
        Assert.Single(new KeysOptions
        {
            ReleaseKeyLabel = "keys",
            OrderKeyLabel = "keys",
            Pkcs11Library = "lib.so",
            Pkcs11Token = "fleet",
            Pkcs11PinFile = "pin",
        }.Problems());
        Assert.Empty(new KeysOptions().Problems());
    }

    private async Task StartAsync(params string[] labels)
        => _fleet = await TestFleet.StartAsync(labels.Length > 0 ? [.. _module.Settings(), .. labels] : []);

    /// <summary>The server finds out by itself.</summary>
    private Task ClearsAsync() => Eventually.TrueAsync("health has nothing to say any more", () =>
    {
        Fleet.Clock.Advance(TimeSpan.FromSeconds(11));
        return Problems.Count == 0;
    });

    private string[] FilesOfKeys()
        => [
            .. Directory.GetFiles(Path.Combine(Fleet.Folder, "keys")).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal),
        ];

    private async Task RotateAsync()
    {
        var prepared = Keys.Prepare(new RootChange { Releases = true }, Fleet.Clock.GetUtcNow());
        Assert.Null(Keys.Apply(prepared.Value!));
        await Fleet.Of<RootWatch>().TellAsync(default);
    }
}
