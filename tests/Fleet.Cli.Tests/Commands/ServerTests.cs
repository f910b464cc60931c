using System.Text.Json;

namespace Fleet.Cli.Tests.Commands;

/// <summary>The commands against a real server: what a person reads, what a script parses, and how refusals are told.</summary>
public sealed class ServerTests(RealServer server) : OnServerTests(server), IClassFixture<RealServer>
{
    private const string Spec = """
        model: vibration
        data: { kind: vibration, samples: 600 }
        teacher: { family: conv1d }
        student: { family: conv1d }
        """;

    [Fact]
    public async Task Token_is_printed_once_listed_without_its_secret_and_revoked()
    {
        var created = await JsonOfAsync("tokens", "create", "--uses", "3", "--valid-for", "10m", "--label", "site=berlin");
        var (id, token) = (created.GetProperty("id").GetString()!, created.GetProperty("token").GetString()!);

        var listed = await JsonOfAsync("tokens", "list");
        var view = Assert.Single(listed.EnumerateArray(), view => view.GetProperty("id").GetString() == id);
        Assert.Equal(3, view.GetProperty("uses").GetInt32());
        Assert.Contains("site=berlin", await TextOfAsync("tokens", "list"), StringComparison.Ordinal);
        Assert.DoesNotContain(token.Split('.')[2], listed.GetRawText(), StringComparison.Ordinal);

        Assert.True((await JsonOfAsync("tokens", "revoke", id, "--yes")).GetProperty("revoked").GetBoolean());
        Assert.Contains("revoked", await TextOfAsync("tokens", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_on_a_pipe_is_the_only_line_on_standard_output()
        => Assert.StartsWith("fleet1.",
            Assert.Single((await TextOfAsync("tokens", "create")).Split('\n', StringSplitOptions.RemoveEmptyEntries)),
            StringComparison.Ordinal);

    [Fact]
    public async Task Token_comes_with_the_line_that_enrolls_a_device_as_it_stands()
    {
        var token = (await TextOfAsync("tokens", "create")).Trim();
        Assert.Contains($"  fleet-agent enroll --server {Server.Devices} --token {token} --id $(hostname) --data /var/lib/fleet-agent\n",
            Shell.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("devices revoke", "Revoke device lathe-9?")]
    [InlineData("devices decommission", "Decommission device lathe-9?")]
    [InlineData("tokens revoke", "Revoke join token ")]
    public async Task What_cuts_somebody_off_needs_a_yes_where_nobody_can_be_asked(string command, string question)
    {
        var id = "lathe-9";
        if (command.StartsWith("tokens", StringComparison.Ordinal))
            id = (await JsonOfAsync("tokens", "create")).GetProperty("id").GetString()!;
        else if (await RunAsync("devices", "show", id) != 0) await Server.EnrollAsync(id, "site=wels");
        Assert.Equal(2, await RunAsync([.. command.Split(' '), id]));
        Assert.Contains(question, Shell.Error, StringComparison.Ordinal);
        Assert.Contains("repeat the command with --yes", Shell.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n", false)]
    [InlineData("n\n", false)]
    [InlineData("", false)]
    [InlineData("y\n", true)]
    [InlineData("yes\n", true)]
    public async Task At_a_terminal_a_person_is_asked_and_only_a_clear_yes_counts(string typed, bool revoked)
    {
        var id = (await JsonOfAsync("tokens", "create")).GetProperty("id").GetString()!;
        Shell.Answers = typed;
        Assert.Equal(revoked ? 0 : 1, await RunAsync("tokens", "revoke", id));
        Assert.Contains($"Revoke join token {id}?", Shell.Error, StringComparison.Ordinal);
        var view = Assert.Single((await JsonOfAsync("tokens", "list")).EnumerateArray(), view => view.GetProperty("id").GetString() == id);
        Assert.Equal(revoked, view.GetProperty("revoked").GetBoolean());
    }

    [Fact]
    public async Task Telemetry_of_a_model_that_does_not_exist_is_an_error_with_the_name_that_was_meant()
    {
        var file = Server.PathOf("spec.yaml");
        await File.WriteAllTextAsync(file, Spec);
        await JsonOfAsync("models", "build", file);
        Assert.Equal(0, await RunAsync("telemetry", "--model", "vibration"));
        Assert.Equal(1, await RunAsync("telemetry", "--model", "vibratoin"));
        Assert.Contains("There is no model 'vibratoin'. Did you mean 'vibration'?", Shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spec_that_names_a_file_which_is_not_there_is_refused_by_its_line_and_not_queued()
    {
        var file = Server.PathOf("missing.yaml");
        await File.WriteAllTextAsync(file, """
            model: absent
            source:
              onnx: model.onnx
              validation: held-out.npz
            """);
        Assert.Equal(1, await RunAsync("models", "build", file));
        Assert.Contains($"{file}:3:3: source.onnx names {Server.PathOf("model.onnx")}, which does not exist.",
            Shell.Error, StringComparison.Ordinal);
        Assert.Contains($"{file}:4:3: source.validation names {Server.PathOf("held-out.npz")}, which does not exist.",
            Shell.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("absent", await TextOfAsync("models", "builds"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokens list")]
    [InlineData("devices list")]
    [InlineData("devices pending")]
    [InlineData("models list")]
    [InlineData("models builds")]
    [InlineData("releases list")]
    [InlineData("rollouts list")]
    [InlineData("telemetry --since 7d")]
    public async Task Every_list_is_one_json_array_even_when_it_is_empty(string command)
        => Assert.Equal(JsonValueKind.Array, (await JsonOfAsync(command.Split(' '))).ValueKind);

    [Theory]
    [InlineData("devices show press-7")]
    [InlineData("devices label press-7 site=berlin")]
    [InlineData("devices revoke press-7 --yes")]
    [InlineData("devices revoke press-7")]
    [InlineData("devices unrevoke press-7")]
    [InlineData("devices reenroll press-7")]
    [InlineData("devices decommission press-7")]
    [InlineData("devices acknowledge press-7")]
    [InlineData("devices approve press-7")]
    [InlineData("devices reject press-7")]
    [InlineData("tokens revoke nothing")]
    [InlineData("models report nothing")]
    [InlineData("models cancel nothing")]
    [InlineData("releases show nothing 1")]
    [InlineData("releases create nothing")]
    [InlineData("rollouts show nothing")]
    [InlineData("rollouts pause nothing")]
    [InlineData("rollouts start --model nothing --version 1 --waves 100%")]
    public async Task What_does_not_exist_ends_with_1_and_a_sentence_with_its_name(string command)
    {
        Assert.Equal(1, await RunAsync([.. command.Split(' '), "--json"]));
        Assert.Matches("press-7|nothing", Shell.Error);
        Assert.DoesNotContain("answered 4", Shell.Error, StringComparison.Ordinal);
        Assert.Matches("\"error\": .*(press-7|nothing)", Shell.Output);
    }

    [Fact]
    public async Task Build_is_queued_listed_and_cancelled()
    {
        var file = Server.PathOf("spec.yaml");
        await File.WriteAllTextAsync(file, Spec);
        var build = await JsonOfAsync("models", "build", file);
        var id = build.GetProperty("id").GetString()!;
        Assert.Equal(("vibration", "queued"), (build.GetProperty("model").GetString(), build.GetProperty("status").GetString()));

        Assert.Contains(id, await TextOfAsync("models", "builds", "--model", "vibration"), StringComparison.Ordinal);
        Assert.Equal("cancelled", (await JsonOfAsync("models", "cancel", id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Wait_for_a_cancelled_build_ends_with_1_and_says_so()
    {
        var file = Server.PathOf("waited.yaml");
        await File.WriteAllTextAsync(file, Spec.Replace("vibration\n", "waited\n", StringComparison.Ordinal));
        var waiting = RunAsync("models", "build", file, "--wait");
        using var other = new ShellUnderTest();
        var id = await TestKit.Eventually.ValueAsync("the build is queued", async () =>
        {
            using var list = new ShellUnderTest();
            await list.RunAsync("models", "builds", "--model", "waited", "--json", "--server", Server.Api, "--key-file", Server.KeyFile);
            return JsonDocument.Parse(list.Output).RootElement.EnumerateArray()
                .Select(build => build.GetProperty("id").GetString()).FirstOrDefault();
        });

        Assert.Equal(0, await other.RunAsync("models", "cancel", id, "--server", Server.Api, "--key-file", Server.KeyFile));

        Assert.Equal(1, await waiting.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains($"Build {id} of waited was cancelled", Shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_and_wrong_keys_are_told_apart_and_never_printed()
    {
        Assert.Equal(1, await Shell.RunAsync("devices", "list", "--server", Server.Api));
        Assert.Contains("No API key was sent", Shell.Error, StringComparison.Ordinal);

        Shell.Variables["FLEET_API_KEY"] = "a-wrong-key-that-nobody-should-see";
        Assert.Equal(1, await Shell.RunAsync("devices", "list", "--server", Server.Api));
        Assert.Contains("The API key that was sent is not accepted", Shell.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("a-wrong-key", Shell.Error + Shell.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_may_come_from_the_environment()
    {
        Shell.Variables["FLEET_SERVER"] = Server.Api;
        Shell.Variables["FLEET_KEY_FILE"] = Server.KeyFile;
        Assert.Equal(0, await Shell.RunAsync("devices", "list"));
    }

    [Fact]
    public async Task Certificate_of_the_servers_own_ca_is_trusted_only_when_it_is_named()
    {
        Assert.Equal(1, await Shell.RunAsync("devices", "list", "--server", Server.Devices, "--key-file", Server.KeyFile));
        Assert.Contains("--ca FILE", Shell.Error, StringComparison.Ordinal);

        Assert.Equal(0, await Shell.RunAsync(
            "devices", "list", "--server", Server.Devices, "--key-file", Server.KeyFile, "--ca", Server.DataPathOf("ca.pem")));
    }
}
