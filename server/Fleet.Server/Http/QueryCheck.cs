using System.Globalization;
using Fleet.Contracts.Devices;
using Microsoft.AspNetCore.Http.Metadata;

namespace Fleet.Server.Http;

/// <summary>
/// Looks at the query of a call of the API before the call is made, and refuses it with everything that is wrong: what the call does not
/// know, what is given twice, and what breaks the rule of its name, which is the same wherever the name stands.
/// </summary>
internal static class QueryCheck
{
    private static readonly PathString Api = "/api";

    /// <summary>What is wrong with a value of a name; null when nothing is.</summary>
    private static readonly Dictionary<string, Func<string, string?>> Rules = new(StringComparer.OrdinalIgnoreCase)
    {
        ["limit"] = value => int.Parse(value, CultureInfo.InvariantCulture) is < 1 or > PageQuery.Longest
            ? $"limit {value} must be within 1..{PageQuery.Longest}."
            : null,
        ["filter"] = value => DeviceFilter.TryParse(value, out _, out var problem) ? null : problem,
        ["model"] = value => Names.IsName(value) ? null : $"model '{value}' must be {Names.Rule}.",
    };

    /// <summary>Refuses what is wrong; behind whatever finds out who is there and what is called.</summary>
    public static void UseQueryCheck(this WebApplication app) => app.Use(async (context, next) =>
    {
        if (context.Request.Path.StartsWithSegments(Api) && context.GetEndpoint() is { } endpoint
            && ProblemsOf(context.Request, endpoint) is { Count: > 0 } problems)
        {
            var title = problems.Count == 1 ? problems[0] : $"The query has {problems.Count} faults.";
            await Refusal.Invalid(title, problems.Count == 1 ? [] : problems).ToResult().ExecuteAsync(context);
            return;
        }
        await next(context);
    });

    private static List<string> ProblemsOf(HttpRequest request, Endpoint endpoint)
    {
        if (request.Query.Count == 0) return [];
        var known = endpoint.Metadata.GetOrderedMetadata<IParameterBindingMetadata>()
            .Where(parameter => !parameter.HasBindAsync && !request.RouteValues.ContainsKey(parameter.Name) && IsSimple(TypeOf(parameter)))
            .ToDictionary(parameter => parameter.Name, TypeOf, StringComparer.OrdinalIgnoreCase);
        var problems = new List<string>();
        foreach (var (name, values) in request.Query)
        {
            if (!known.TryGetValue(name, out var type)) problems.Add(UnknownProblem(name, known.Keys));
            else if (values.Count > 1) problems.Add($"{name} is given {values.Count} times.");
            else if (!Reads(values.ToString(), type))
                problems.Add($"{name} '{values}' cannot be read.");
            else if (Rules.GetValueOrDefault(name)?.Invoke(values.ToString()) is { } problem) problems.Add(problem);
        }
        return problems;
    }

    private static Type TypeOf(IParameterBindingMetadata parameter)
        => Nullable.GetUnderlyingType(parameter.ParameterInfo.ParameterType) ?? parameter.ParameterInfo.ParameterType;

    private static bool IsSimple(Type type) => type.IsPrimitive || type == typeof(string) || type == typeof(DateTimeOffset);

    private static string UnknownProblem(string name, Dictionary<string, Type>.KeyCollection known) => known.Count == 0
        ? $"'{name}' is not known here: this call has no query."
        : $"'{name}' is not known here; {string.Join(", ", known.Select(each => char.ToLowerInvariant(each[0]) + each[1..]))} "
            + (known.Count == 1 ? "is." : "are.");

    private static bool Reads(string value, Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Int32 => int.TryParse(value, CultureInfo.InvariantCulture, out _),
        TypeCode.Int64 => long.TryParse(value, CultureInfo.InvariantCulture, out _),
        _ => type != typeof(DateTimeOffset) || DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, out _),
    };
}
