using System.CommandLine;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Commands;

/// <summary>
/// Options that say how a model is fed. What people write becomes a type here, and a mistake is named before anything starts.
/// </summary>
internal static class ModelOptions
{
    /// <summary>State that the model carries.</summary>
    public static Option<StatePair[]> State(string description)
        => Repeated("--state", "IN=OUT", description, StatePair.Form, text => StatePair.TryParse(text, out var pair) ? pair : null);

    /// <summary>Shapes of made-up samples.</summary>
    public static Option<InputShape[]> Shape(string description)
        => Repeated("--shape", "NAME=1x3x224x224", description, InputShape.Form,
            text => InputShape.TryParse(text, out var shape) ? shape : null);

    /// <summary>Bits of single layers, said by a person.</summary>
    public static Option<LayerBits[]> Bits(string description)
        => Repeated("--bits", "LAYER=BITS", description, LayerBits.Form, text => LayerBits.TryParse(text, out var layer) ? layer : null);

    /// <summary>What the model does, where labels do not say it themselves.</summary>
    public static Option<ModelTask?> Task(string description) => new("--task")
    {
        HelpName = "TASK",
        Description = description,
        CustomParser = result =>
        {
            var word = result.Tokens[0].Value;
            if (EnumWord.TryParse<ModelTask>(word, out var known)) return known;
            result.AddError($"--task '{word}' is not known; it is one of {EnumWord.List<ModelTask>()}.");
            return null;
        },
    };

    /// <summary>The full path of samples; the word for made-up ones stays a word.</summary>
    public static string? FullPath(string? data) => data is null or SampleSource.Synthetic ? data : Path.GetFullPath(data);

    private static Option<T[]> Repeated<T>(string name, string help, string description, string form, Func<string, T?> read)
        where T : class => new(name)
        {
            HelpName = help,
            Description = $"{description} May be repeated.",
            Arity = ArgumentArity.ZeroOrMore,
            CustomParser = result =>
            {
                var values = new List<T>();
                foreach (var token in result.Tokens)
                {
                    if (read(token.Value) is { } value) values.Add(value);
                    else result.AddError($"{name} '{token.Value}' is not written as {form}.");
                }
                return [.. values];
            },
        };
}
