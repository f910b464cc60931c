using System.CommandLine;
using System.CommandLine.Help;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Fleet.Cli.Commands;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Tests.Commands;

/// <summary>What a script relies on: exit codes, and which stream says what.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly ShellUnderTest _fleet = new();

    public void Dispose() => _fleet.Dispose();

    [Theory]
    [InlineData("tokens")]
    [InlineData("tokens create")]
    [InlineData("devices list")]
    [InlineData("devices label")]
    [InlineData("models build")]
    [InlineData("models report")]
    [InlineData("models quantize")]
    [InlineData("models prove")]
    [InlineData("models inspect")]
    [InlineData("releases verify")]
    [InlineData("rollouts start")]
    [InlineData("rollouts rollback")]
    [InlineData("telemetry")]
    [InlineData("demo")]
    public async Task Every_command_has_help_on_standard_output(string command)
    {
        Assert.Equal(0, await _fleet.RunAsync([.. command.Split(' '), "--help"]));
        Assert.Contains("Usage:", _fleet.Output, StringComparison.Ordinal);
        Assert.Empty(_fleet.Error);
        if (command.Contains(' ', StringComparison.Ordinal))
            Assert.Contains($"fleet {command}", _fleet.Output[_fleet.Output.IndexOf("Example", StringComparison.Ordinal)..],
                StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rollouts start --model a --version 1 --waves 5%,x", "Wave 'x' is not understood")]
    [InlineData("rollouts start --model a --version 1 --waves 25%,5%", "waves[1].percent must be greater than waves[0].percent.")]
    [InlineData("rollouts start --model a --version 1 --waves 100% --soak 30", "--soak '30' is not understood")]
    [InlineData("rollouts start --model a --version 1 --waves 100% --max-failure-rate 120%", "Share '120%' is not understood")]
    [InlineData("rollouts start --model a --version 1 --waves 100% --canary speed",
        "'speed' must be one of errors, latency, confidence, outputs")]
    [InlineData("rollouts start --model a --version 1 --waves 100% --canary latency=fast", "Tolerance 'fast' of latency is not understood")]
    [InlineData("rollouts start --model a --waves 100%", "--version")]
    [InlineData("rollouts start --model a --version 1 --and b:2 --waves 100%", "'b:2' is not a release: write NAME=N")]
    [InlineData("rollouts start --model a --version 1 --and b=2 --and a=2 --waves 100%", "model 'a' is named twice")]
    [InlineData("rollouts show r --status broken", "--status 'broken' must be waiting, running, succeeded, failed or left.")]
    [InlineData("rollouts rollback r --to b:2", "'b:2' is not a release: write NAME=N")]
    [InlineData("devices list --filter colour=red", "Filter term 'colour=red' is not understood")]
    [InlineData("devices label press-7 site", "Label 'site' is not understood")]
    [InlineData("devices show", "Required argument")]
    [InlineData("telemetry --since yesterday", "--since 'yesterday' is not understood")]
    [InlineData("tokens list --server localhost:8080", "is not a server address")]
    [InlineData("tokens invent", "'invent' is not a command of 'fleet tokens'.")]
    [InlineData("devices lst", "'lst' is not a command of 'fleet devices'; did you mean 'fleet devices list'?")]
    [InlineData("rolouts list", "'rolouts' is not a command of 'fleet'; did you mean 'fleet rollouts'?")]
    [InlineData("devices list --filtre profile=x64", "'--filtre' is not an option of 'fleet devices list'; did you mean '--filter'?")]
    [InlineData("releases create", "Name either a build or a model.")]
    [InlineData("models quantize m.onnx", "--out")]
    [InlineData("models quantize m.onnx --out o --profile toaster", "Profile 'toaster' is not known; it is one of arm-cpu")]
    [InlineData("models quantize m.onnx --out o --scheme int3", "--scheme 'int3' is not known; it is one of auto")]
    [InlineData("models quantize m.onnx --out o --goal beauty", "--goal 'beauty' is not known; it is one of latency, size, accuracy")]
    [InlineData("models quantize m.onnx --out o --preprocess means=1", "--preprocess 'means=1' is not KEY=VALUE with one of mean,")]
    [InlineData("models quantize m.onnx --out o --preprocess layout=nwhc", "'layout=nwhc' does not have one of nchw, nhwc.")]
    [InlineData("models quantize m.onnx --out o --preprocess deviation=0", "deviation must be one number above 0")]
    [InlineData("models prove m.onnx --validation v --preprocess width=9", "width and height are given both or not at all.")]
    [InlineData("models quantize m.onnx --out o --preprocess fit=stretch,crop", "'fit=stretch,crop' does not have one of stretch,")]
    [InlineData("models quantize m.onnx --out o --batch 257", "--batch 257 must be within 1..256.")]
    [InlineData("models quantize m.onnx --out o --preprocess fit=1", "'fit=1' does not have one of stretch, crop, pad.")]
    [InlineData("models quantize m.onnx --out o --preprocess mean=1 --preprocess mean=2", "--preprocess gives mean twice.")]
    [InlineData("models quantize m.onnx --out o --average-bits NaN", "--average-bits NaN must be within 2.5..8.")]
    [InlineData("models quantize m.onnx --out o --average-bits 0", "--average-bits 0 must be within 2.5..8.")]
    [InlineData("models quantize m.onnx --out o --average-bits -4", "--average-bits -4 must be within 2.5..8.")]
    [InlineData("models quantize m.onnx --out o --average-bits 100", "--average-bits 100 must be within 2.5..8.")]
    [InlineData("models quantize m.onnx --out o --average-bits four", "--average-bits 'four' is not a number, such as 2 or 0.5.")]
    [InlineData("models quantize m.onnx --out o --bits fc1=5", "--bits 'fc1=5' is not written as LAYER=BITS, a layer or an operator")]
    [InlineData("models quantize m.onnx --out o --scheme fp16 --bits fc1=8", "quantization.bits are those of mixed-weights, which")]
    [InlineData("models quantize m.onnx --out o --recipe r --bits fc1=8", "--bits is decided by --recipe; leave one of the two out.")]
    [InlineData("models quantize m.onnx --out o --opset 3000000000", "--opset '3000000000' is not a whole number of at most 2147483647.")]
    [InlineData("models quantize m.onnx --out o --task classification,regression", "--task 'classification,regression' is not known")]
    [InlineData("models quantize m.onnx --out o --task 1", "--task '1' is not known; it is one of classification, ")]
    [InlineData("models prove m.onnx --validation v --samples some", "--samples 'some' is not a whole number of at most 2147483647.")]
    [InlineData("models prove m.onnx", "--validation")]
    [InlineData("models inspect v.onnx --validation d", "--reference")]
    [InlineData("models inspect v.onnx --reference m.onnx --validation d --samples 0", "--samples 0 must be at least 1.")]
    public async Task Wrong_usage_ends_with_2_and_says_what_is_wrong_on_standard_error(string command, string message)
    {
        Assert.Equal(2, await _fleet.RunAsync(command.Split(' ')));
        Assert.Contains(message, _fleet.Error, StringComparison.Ordinal);
        Assert.Empty(_fleet.Output);
    }

    [Fact]
    public async Task Value_that_cannot_be_read_is_named_and_no_type_of_the_platform_is()
    {
        var shell = new Shell(TextWriter.Null, TextWriter.Null, false, false, 80, _ => null, TimeProvider.System);
        var options = Under("fleet", FleetCommand.Create(shell)).SelectMany(under => under.Command.Options
            .Where(option => option.ValueType != typeof(string) && option.ValueType != typeof(bool) && option is not HelpOption
                && option is not VersionOption).Select(option => (under.Path, Option: option))).ToArray();
        Assert.InRange(options.Length, 30, 1000);
        foreach (var (path, option) in options)
        {
            using var fleet = new ShellUnderTest();
            await fleet.RunAsync([.. path.Split(' ').Skip(1), option.Name, "?!"]);
            Assert.DoesNotContain("System.", fleet.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("`1", fleet.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("Fleet.Contracts", fleet.Error, StringComparison.Ordinal);
        }

        static IEnumerable<(string Path, Command Command)> Under(string path, Command command)
            => command.Subcommands.SelectMany(verb => Under($"{path} {verb.Name}", verb)).Prepend((path, command));
    }

    [Fact]
    public void What_help_says_below_its_options_fits_80_columns()
    {
        var shell = new Shell(TextWriter.Null, TextWriter.Null, false, false, 80, _ => null, TimeProvider.System);
        Assert.All(Under(FleetCommand.Create(shell)).OfType<TaughtCommand>(), command
            => Assert.All(command.Examples.Split('\n'), line => Assert.InRange(line.Length, 0, 80)));

        static IEnumerable<Command> Under(Command command) => command.Subcommands.SelectMany(Under).Prepend(command);
    }

    [Fact]
    public async Task Server_that_does_not_answer_ends_with_1_and_names_the_address_and_the_remedy()
    {
        var address = $"http://127.0.0.1:{FreePort()}";
        Assert.Equal(1, await _fleet.RunAsync("devices", "list", "--json", "--server", address));
        Assert.Contains($"No Fleet server answers at {address}", _fleet.Error, StringComparison.Ordinal);
        Assert.Contains("fleet-server", _fleet.Error, StringComparison.Ordinal);
        AssertError($"No Fleet server answers at {address}");
    }

    [Fact]
    public async Task Wrong_usage_is_a_document_too_where_one_was_asked_for()
    {
        Assert.Equal(2, await _fleet.RunAsync("models", "prove", "m.onnx", "--json"));
        AssertError("--validation");
    }

    private void AssertError(string part)
    {
        using var document = JsonDocument.Parse(_fleet.Output);
        Assert.Contains(part, document.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_is_taken_from_the_environment_and_the_option_stands_above_it()
    {
        _fleet.Variables["FLEET_SERVER"] = "nonsense";
        Assert.Equal(2, await _fleet.RunAsync("devices", "list"));
        Assert.Equal(1, await _fleet.RunAsync("devices", "list", "--server", $"http://127.0.0.1:{FreePort()}"));
    }

    [Fact]
    public async Task Missing_key_file_is_named_with_where_to_find_it()
    {
        Assert.Equal(1, await _fleet.RunAsync("devices", "list", "--key-file", "/nowhere/operator.key"));
        Assert.Contains("The key file /nowhere/operator.key cannot be read", _fleet.Error, StringComparison.Ordinal);
        Assert.Contains("DATA/keys/operator.key", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invalid_spec_is_refused_before_the_server_is_asked()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("fleet-cli-").FullName, "bad.yaml");
        await File.WriteAllTextAsync(file, "model: a\nstudnet: {}\n");
        Assert.Equal(1, await _fleet.RunAsync("models", "build", file, "--server", $"http://127.0.0.1:{FreePort()}"));
        Assert.Contains($"{file}:2:1: studnet is not a known key; did you mean 'student'?", _fleet.Error, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    /// <summary>A port nothing listens on: one that was free a moment ago.</summary>
    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
