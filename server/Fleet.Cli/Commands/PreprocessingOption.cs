using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Commands;

/// <summary>
/// The option that says how pictures and sound in files become inputs: the keys of <c>source.preprocessing</c> in a spec.
/// </summary>
internal static class PreprocessingOption
{
    /// <summary>The option for a command that takes samples.</summary>
    /// <param name="otherwise">What holds for keys that are not given.</param>
    public static Option<Preprocessing?> Create(string otherwise) => new("--preprocess")
    {
        HelpName = "KEY=VALUE",
        Description = "How pictures and sound become inputs, such as \"mean=0.485,0.456,0.406 deviation=0.229,0.224,0.225\": pairs "
            + $"separated by blanks; {otherwise} Keys are {string.Join(", ", Keys)}. May be repeated.",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result =>
        {
            var given = new JsonObject();
            foreach (var pair in result.Tokens.SelectMany(token => token.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            {
                var at = pair.IndexOf('=', StringComparison.Ordinal);
                var key = at < 1 ? pair : pair[..at];
                if (!Keys.Contains(key)) result.AddError($"--preprocess '{pair}' is not KEY=VALUE with one of {string.Join(", ", Keys)}.");
                else if (given.ContainsKey(key)) result.AddError($"--preprocess gives {key} twice.");
                else if (Value(key, pair[(at + 1)..]) is { } value) given[key] = value;
                else result.AddError($"--preprocess '{pair}' does not have {Expected(key)}.");
            }
            if (result.Errors.Any()) return null;
            var asked = given.Deserialize(FleetJson.Strict.Preprocessing)!;
            foreach (var problem in BuildSpecRules.ProblemsOf(asked)) result.AddError($"--preprocess: {problem}");
            return asked;
        },
    };

    private static readonly string[] Keys = [.. FleetJson.Strict.Preprocessing.Properties.Select(property => property.Name)];

    private static JsonNode? Value(string key, string text)
    {
        var type = TypeOf(key);
        if (type.IsEnum)
            return EnumWord.Of(type, text) is { } word ? JsonValue.Create(JsonNamingPolicy.CamelCase.ConvertName(word)) : null;
        if (type == typeof(int))
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? JsonValue.Create(whole) : null;
        var numbers = new JsonArray();
        foreach (var part in text.Split(','))
        {
            if (!double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
                return null;
            numbers.Add(JsonValue.Create(number));
        }
        if (type != typeof(double)) return numbers;
        return numbers.Count == 1 ? numbers[0]!.DeepClone() : null;
    }

    private static string Expected(string key) => TypeOf(key) switch
    {
        { IsEnum: true } words => $"one of {EnumWord.List(words)}",
        var type when type == typeof(int) => "a whole number",
        var type when type == typeof(double) => "a number",
        _ => "numbers separated by commas",
    };

    private static Type TypeOf(string key)
    {
        var type = FleetJson.Strict.Preprocessing.Properties.First(property => property.Name == key).PropertyType;
        return Nullable.GetUnderlyingType(type) ?? type;
    }
}
