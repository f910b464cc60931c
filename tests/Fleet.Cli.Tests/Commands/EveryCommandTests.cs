using System.CommandLine;
using Fleet.Cli.Commands;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Tests.Commands;

/// <summary>What holds for every command there is: each is taken from the program itself, so that a new one is judged at once.</summary>
public sealed class EveryCommandTests : IDisposable
{
    private static readonly RootCommand Tree = FleetCommand.Create(new Shell(
        TextWriter.Null, TextWriter.Null, outputIsTerminal: false, errorIsTerminal: false, width: 120, _ => null, TimeProvider.System));

    private readonly ShellUnderTest _fleet = new();

    public static TheoryData<string> Verbs => [.. Leaves(Tree).Select(PathOf)];

    /// <summary>Verbs that cannot do anything without being told what.</summary>
    public static TheoryData<string> Demanding
        => [.. Leaves(Tree).Where(verb => verb.Arguments.Any(IsRequired) || verb.Options.Any(option => option.Required)).Select(PathOf)];

    public static TheoryData<string> WithAnArgument => [.. Leaves(Tree).Where(verb => verb.Arguments.Count > 0).Select(PathOf)];

    public static TheoryData<string> Listing
        => [.. Leaves(Tree).Where(verb => verb.Options.Any(option => option.Name == "--limit")).Select(PathOf)];

    public static TheoryData<string> Nouns
        => [.. Tree.Subcommands.Where(noun => noun.Subcommands.Count > 0).Select(noun => noun.Name)];

    public void Dispose() => _fleet.Dispose();

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Help_says_what_it_does_and_ends_with_an_example_of_itself(string verb)
    {
        Assert.Equal(0, await _fleet.RunAsync([.. verb.Split(' '), "--help"]));
        Assert.Empty(_fleet.Error);
        var examples = _fleet.Output.IndexOf("Example", StringComparison.Ordinal);
        Assert.True(examples > 0, _fleet.Output);
        Assert.Contains($"fleet {verb}", _fleet.Output[examples..], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Everything_it_takes_is_described_in_a_sentence(string verb)
    {
        var command = Find(verb);
        Assert.EndsWith(".", command.Description, StringComparison.Ordinal);
        Assert.All(command.Arguments, argument => Assert.EndsWith(".", argument.Description, StringComparison.Ordinal));
        Assert.All(command.Options, option => Assert.Matches(@"[.]$", option.Description));
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void What_asks_a_server_gives_json_and_says_how_to_name_the_server(string verb)
    {
        var options = Find(verb).Options.Select(option => option.Name).ToList();
        Assert.Contains("--json", options);
        if (!options.Contains("--server")) return;
        Assert.Contains("--key-file", options);
        Assert.Contains("--ca", options);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Option_it_does_not_have_ends_with_2_and_names_it(string verb)
    {
        Assert.Equal(2, await _fleet.RunAsync([.. verb.Split(' '), "--no-such-option"]));
        Assert.Contains("--no-such-option", _fleet.Error, StringComparison.Ordinal);
        Assert.Contains($"See 'fleet {verb} --help'.", _fleet.Error, StringComparison.Ordinal);
        Assert.Empty(_fleet.Output);
    }

    /// <summary>A script whose variable was never set: asked so, 'devices show' asked for all devices.</summary>
    [Theory]
    [MemberData(nameof(WithAnArgument))]
    public async Task Empty_argument_ends_with_2_and_is_named(string verb)
    {
        var command = Find(verb);
        var options = command.Options.Where(option => option.Required).SelectMany(option => new[] { option.Name, "1" });
        Assert.Equal(2, await _fleet.RunAsync([.. verb.Split(' '), .. command.Arguments.Select(_ => ""), .. options]));
        Assert.Matches($"{command.Arguments[0].Name} is empty|annot parse argument ''", _fleet.Error);
    }

    /// <summary>
    /// The same of what options take: '--filter' of nothing would be every device, '--calibration' of nothing ended with a stack.
    /// </summary>
    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Empty_text_of_an_option_ends_with_2_and_is_named(string verb)
    {
        var command = Find(verb);
        foreach (var option in command.Options.Where(option => option.ValueType == typeof(string) || option.ValueType == typeof(string[])))
        {
            using var fleet = new ShellUnderTest();
            var others = command.Options.Where(other => other.Required && other != option).SelectMany(other => new[] { other.Name, "1" });
            Assert.Equal(2, await fleet.RunAsync([.. verb.Split(' '), .. command.Arguments.Select(_ => "1"), option.Name, "", .. others]));
            Assert.Contains($"{option.Name} is empty.", fleet.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Listing))]
    public async Task List_of_no_lines_ends_with_2(string verb)
    {
        Assert.Equal(2, await _fleet.RunAsync([.. verb.Split(' '), "--limit", "0"]));
        Assert.Contains("--limit 0 must be 1 or more.", _fleet.Error, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Demanding))]
    public async Task What_must_be_told_and_is_not_ends_with_2(string verb)
    {
        Assert.Equal(2, await _fleet.RunAsync(verb.Split(' ')));
        Assert.Contains("fleet: ", _fleet.Error, StringComparison.Ordinal);
        Assert.Contains($"See 'fleet {verb} --help'.", _fleet.Error, StringComparison.Ordinal);
        Assert.Empty(_fleet.Output);
    }

    [Theory]
    [MemberData(nameof(Nouns))]
    public async Task Noun_alone_ends_with_2_and_lists_its_verbs(string noun)
    {
        Assert.Equal(2, await _fleet.RunAsync(noun));
        Assert.All(Find(noun).Subcommands, verb => Assert.Contains($"  {verb.Name}", _fleet.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_verb_with_one_letter_too_many_is_answered_with_the_one_that_was_meant()
    {
        foreach (var verb in Leaves(Tree).Where(verb => verb.Name.Length > 3 && verb.Parents.First() is not RootCommand))
        {
            using var fleet = new ShellUnderTest();
            var path = PathOf(verb);
            Assert.Equal(2, await fleet.RunAsync($"{path}x".Split(' ')));
            Assert.Contains($"did you mean 'fleet {path}'?", fleet.Error, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<Command> Leaves(Command command)
        => command.Subcommands.Count == 0 ? [command] : command.Subcommands.SelectMany(Leaves);

    private static Command Find(string path)
        => path.Split(' ').Aggregate((Command)Tree, (command, name) => command.Subcommands.Single(verb => verb.Name == name));

    private static string PathOf(Command command)
        => command.Parents.OfType<Command>().First() is RootCommand
            ? command.Name
            : $"{PathOf(command.Parents.OfType<Command>().First())} {command.Name}";

    private static bool IsRequired(Argument argument) => argument.Arity.MinimumNumberOfValues > 0 && !argument.HasDefaultValue;
}
