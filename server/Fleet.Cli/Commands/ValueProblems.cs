using System.CommandLine;
using System.CommandLine.Parsing;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Commands;

/// <summary>
/// What is wrong with the values of a command line, in words: of one that cannot be read the library names a type of .NET.
/// </summary>
internal static class ValueProblems
{
    /// <summary>A sentence for each.</summary>
    public static IEnumerable<string> Of(ParseResult parsed) => parsed.Errors.Select(Sentence).Distinct();

    private static string Sentence(ParseError error)
    {
        var (name, type, tokens) = error.SymbolResult switch
        {
            OptionResult option => (option.Option.Name, option.Option.ValueType, option.Tokens),
            ArgumentResult { Parent: OptionResult option } argument => (option.Option.Name, option.Option.ValueType, argument.Tokens),
            ArgumentResult argument => (argument.Argument.Name, argument.Argument.ValueType, argument.Tokens),
            _ => ("", typeof(object), []),
        };
        if (tokens.Count == 0 || !error.Message.Contains($"'{type}'", StringComparison.Ordinal)) return error.Message;
        var given = string.Join(' ', tokens.Select(token => token.Value));
        return $"{name} '{given}' is not {Expected(Nullable.GetUnderlyingType(type) ?? type)}.";
    }

    private static string Expected(Type type)
        => type.IsEnum ? $"one of {EnumWord.List(type)}"
            : type == typeof(int) ? $"a whole number of at most {int.MaxValue}"
            : type == typeof(long) ? $"a whole number of at most {long.MaxValue}"
            : type == typeof(double) ? "a number, such as 2 or 0.5"
            : type == typeof(bool) ? "true or false"
            : "understood";
}
