using System.Text.Json;
using Fleet.Cli.Commands;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary><c>fleet devices</c> against a real server with devices that were enrolled.</summary>
public sealed class DeviceTests(RealServer server) : OnServerTests(server), IClassFixture<RealServer>
{
    [Fact]
    public async Task List_shows_what_is_enrolled_and_a_filter_narrows_it()
    {
        await Server.EnrollAsync("lathe-1", "site=munich");
        await Server.EnrollAsync("lathe-2", "site=vienna");
        Assert.Equal(["lathe-2"], Ids(await JsonOfAsync("devices", "list", "--filter", "label.site=vienna")));
        Assert.Equal(["lathe-1"], Ids(await JsonOfAsync("devices", "list", "--filter", "id=lathe-1,architecture=x64")));
        var table = await TextOfAsync("devices", "list", "--filter", "label.site=munich");
        Assert.Matches(@"(?m)^ID +PROFILE +STATE +SERVES +PHASE ", table);
        Assert.Matches(@"(?m)^lathe-1 +x64 +offline +- +- .* site=munich$", table);
        Assert.DoesNotContain("lathe-2", table, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Filter_that_selects_nothing_is_a_success_that_says_so_beside_the_table()
    {
        Assert.Empty(Ids(await JsonOfAsync("devices", "list", "--filter", "id=nobody")));
        await TextOfAsync("devices", "list", "--filter", "id=nobody");
        Assert.Contains("No device matches id=nobody.", Shell.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("arm-cpu", true)]
    [InlineData("x64", false)]
    public async Task Build_for_another_profile_than_that_of_the_device_that_times_it_says_so(string profile, bool told)
    {
        var device = $"timer-{profile}";
        await Server.EnrollAsync(device, "site=wien");
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["spec.yaml"], $$"""
            model: timed
            data: { kind: vibration, samples: 600 }
            teacher: { family: conv1d, width: 4 }
            student: { family: auto, budget: { maximumLatencyP95: 5ms, device: {{device}} } }
            quantization: { profiles: [{{profile}}] }
            """);
        Assert.True(await RunAsync("models", "build", folder["spec.yaml"]) == 0, Shell.Error);
        Assert.Equal(told, Shell.Error.Contains($"Device {device} has profile 'x64', as the server knows it, and files are made for "
            + $"{profile}: they are not those that are right for it, name 'x64'.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("x64", "my-board", null)]
    [InlineData(null, "my-board", null)]
    [InlineData(null, "arm-cpu",
        "Device d matches no hardware profile that the server knows: whether files made for arm-cpu suit it cannot be told.")]
    public void Nothing_is_said_against_files_of_which_it_cannot_be_known(string? own, string named, string? hint)
        => Assert.Equal(hint, ModelsCommand.OtherProfile("d", own, new()
        {
            Profiles = [named],
            CustomProfiles = named == "my-board"
                ? [new() { Name = named, Match = new() { Architectures = ["x64"] }, Numeric = new() { Activations = "int8" } }] : null,
        }));

    /// <summary>A script that counted a list in JSON counted the first thousand, and nothing told it.</summary>
    [Fact]
    public async Task List_that_was_cut_says_in_both_forms_how_to_see_more_and_one_that_is_whole_does_not()
    {
        await Server.EnrollAsync("mill-1", "site=graz");
        await Server.EnrollAsync("mill-2", "site=graz");
        string[] all = ["devices", "list", "--filter", "label.site=graz", "--limit", "2"];
        await TextOfAsync(all);
        Assert.Equal(["mill-1", "mill-2"], Ids(await JsonOfAsync(all)));
        Assert.Equal("", Shell.Error);
        string[] one = [.. all[..^1], "1"];
        Assert.Equal(["mill-1"], Ids(await JsonOfAsync(one)));
        const string hint = "The first 1 devices; --limit N shows more, --filter narrows.\n";
        Assert.Equal(hint, Shell.Error);
        await TextOfAsync(one);
        Assert.Equal(hint + hint, Shell.Error);
    }

    [Fact]
    public async Task One_device_is_shown_with_what_it_is()
    {
        await Server.EnrollAsync("drill-1", "site=linz");
        var text = await TextOfAsync("devices", "show", "drill-1");
        Assert.StartsWith("Device drill-1\n", text.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Matches(@"(?m)^State +offline$", text);
        Assert.Matches(@"(?m)^Profile +x64$", text);
        Assert.Matches(@"(?m)^Processor +Test processor \(x64, 2 CPUs, 4\.3 GB memory\)$", text);
        Assert.Matches(@"(?m)^Accelerators +none$", text);
        Assert.Matches(@"(?m)^Labels +site=linz$", text);
        Assert.Equal("drill-1", (await JsonOfAsync("devices", "show", "drill-1")).GetProperty("id").GetString());
    }

    [Fact]
    public async Task Labels_are_set_and_removed_in_one_command()
    {
        await Server.EnrollAsync("saw-1", "site=wels");
        var labels = (await JsonOfAsync("devices", "label", "saw-1", "line=3", "site-")).GetProperty("labels");
        Assert.Equal("""{"line":"3"}""", JsonSerializer.Serialize(labels));
        Assert.Equal("saw-1: bay=a line=3", (await TextOfAsync("devices", "label", "saw-1", "bay=a")).Trim());
        Assert.Equal("saw-1: no labels", (await TextOfAsync("devices", "label", "saw-1", "bay-", "line-")).Trim());
    }

    [Theory]
    [InlineData("Site=a", "Label 'Site' must be 1 to 64")]
    [InlineData("site=a,b", "no comma")]
    public async Task Label_that_breaks_a_rule_is_refused_with_the_rule_and_nothing_is_set(string label, string says)
    {
        await Server.EnrollAsync($"press-{label.Length}", "site=steyr");
        Assert.Equal(1, await RunAsync("devices", "label", $"press-{label.Length}", label));
        Assert.Contains(says, Shell.Error, StringComparison.Ordinal);
        Assert.Equal("steyr", (await JsonOfAsync("devices", "show", $"press-{label.Length}"))
            .GetProperty("labels").GetProperty("site").GetString());
    }

    [Fact]
    public async Task Device_that_is_revoked_says_so_ever_after_and_may_be_revoked_again()
    {
        await Server.EnrollAsync("weld-1", "site=enns");
        for (var n = 0; n < 2; n++)
            Assert.True((await JsonOfAsync("devices", "revoke", "weld-1", "--yes")).GetProperty("revoked").GetBoolean());
        Assert.Matches(@"(?m)^State +revoked$", await TextOfAsync("devices", "show", "weld-1"));
        Assert.Matches(@"(?m)^weld-1 +x64 +revoked ", await TextOfAsync("devices", "list", "--filter", "id=weld-1"));
        Assert.Equal("Device weld-1 is revoked.", (await TextOfAsync("devices", "revoke", "weld-1", "--yes")).Trim());
    }

    [Fact]
    public async Task Device_comes_back_with_the_line_that_reenroll_prints()
    {
        await Server.EnrollAsync("weld-2", "site=enns");
        var token = (await TextOfAsync("devices", "reenroll", "weld-2", "--valid-for", "2d")).Trim();
        Assert.Contains($"fleet-agent enroll --server {Server.Devices} --token {token} --id weld-2 --replace", Shell.Error,
            StringComparison.Ordinal);
        Assert.Matches(@"(?m) open +\S.* weld-2 alone", await TextOfAsync("tokens", "list"));
    }

    [Fact]
    public async Task Certificate_is_shown_and_revoked_by_its_serial()
    {
        await Server.EnrollAsync("weld-3", "site=enns");
        var serial = (await JsonOfAsync("devices", "show", "weld-3")).GetProperty("certificate").GetProperty("serial").GetString()!;
        Assert.Matches($"(?m)^Certificate +{serial}, until .*, not used yet", await TextOfAsync("devices", "show", "weld-3"));
        Assert.Equal("Certificate 4F2A of device weld-3 is revoked.",
            (await TextOfAsync("devices", "revoke", "weld-3", "--serial", "4F2A", "--yes")).Trim());
        Assert.Contains($"newest certificate is {serial}, and it still counts", Shell.Error, StringComparison.Ordinal);
        Assert.Equal($"Certificate {serial} of device weld-3 is revoked.",
            (await TextOfAsync("devices", "revoke", "weld-3", "--serial", serial, "--yes")).Trim());
        Assert.Matches($"(?m)^Revoked +.*{serial}", await TextOfAsync("devices", "show", "weld-3"));
        Assert.Equal($"Certificate {serial} is accepted again.",
            (await TextOfAsync("devices", "unrevoke", "weld-3", "--serial", serial)).Trim());
    }

    [Fact]
    public async Task Device_is_revoked_accepted_again_and_decommissioned()
    {
        await Server.EnrollAsync("weld-4", "site=enns");
        await TextOfAsync("devices", "revoke", "weld-4", "--yes");
        Assert.Equal("Device weld-4 is accepted again.", (await TextOfAsync("devices", "unrevoke", "weld-4")).Trim());
        Assert.Equal("Device weld-4 is decommissioned.", (await TextOfAsync("devices", "decommission", "weld-4", "--yes")).Trim());
        Assert.Equal(1, await RunAsync("devices", "show", "weld-4"));
    }

    [Fact]
    public async Task Token_says_whom_it_enrolls_and_that_they_wait()
    {
        var id = (await JsonOfAsync("tokens", "create", "--id-pattern", "weld-*", "--approve")).GetProperty("id").GetString()!;
        Assert.Matches($@"(?m)^{id} +0 +1 +open, to approve .* weld-\*", await TextOfAsync("tokens", "list"));

        await TextOfAsync("tokens", "create", "--approve");
        Assert.Matches(@"lists them\. On the device:\s+fleet-agent enroll", Shell.Error);
    }

    [Fact]
    public async Task Server_that_moves_says_who_has_not_heard_and_stays_when_that_is_taken_back()
    {
        await Server.EnrollAsync("weld-5", "site=enns");
        var moves = await TextOfAsync("server", "move", "--devices", "https://there.example:8443", "--mqtt", "there.example:8883");
        Assert.Matches(@"(?m)^Moves to +https://there\.example:8443/, there\.example:8883", moves);
        Assert.Matches(@"(?m)^Know it +0 devices", moves);
        Assert.Contains("weld-5", Shell.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Moves to", await TextOfAsync("server", "move", "--cancel"), StringComparison.Ordinal);
        Assert.Equal(Server.Devices,
            (await JsonOfAsync("server", "show")).GetProperty("here").GetProperty("server").GetString()!.TrimEnd('/'));
    }

    [Theory]
    [InlineData("--devices there --mqtt there:8883", 2, "must be of the form https://HOST:PORT")]
    [InlineData("--devices http://there:8443 --mqtt there:8883", 1, "must be of the form https://HOST:PORT")]
    [InlineData("--mqtt there:8883", 2, "Give both --devices and --mqtt")]
    [InlineData("--mqtt there:8883 --cancel", 2, "or --cancel alone")]
    public async Task Address_of_a_move_is_whole_and_right(string arguments, int code, string says)
    {
        Assert.Equal(code, await RunAsync(["server", "move", .. arguments.Split(' ')]));
        Assert.Contains(says, Shell.Error, StringComparison.Ordinal);
    }

    private static IEnumerable<string?> Ids(JsonElement devices)
        => devices.EnumerateArray().Select(device => device.GetProperty("id").GetString());
}
