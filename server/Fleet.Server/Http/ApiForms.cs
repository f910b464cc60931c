using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Fleet.Server.Http;

/// <summary>
/// The form on the wire of types that a converter writes: the document cannot see into converters. A test reads releases, which hold
/// scores and gates, with a client that knows nothing else.
/// </summary>
internal static class ApiForms
{
    /// <summary>Describes the form, where the type has another than its properties.</summary>
    public static async Task DescribeAsync(
        OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type.IsEnum) (schema.Type, schema.Enum) = (JsonSchemaType.String, [.. WordsOf(type)]);
        // Elements that are one text have no schema of their own there.
        if (schema is { Type: { } kind, Items: null } && kind.HasFlag(JsonSchemaType.Array))
            schema.Items = new OpenApiSchema { Type = JsonSchemaType.String };
        if (type == typeof(Scores)) await TakeAsync(typeof(ScoresForm));
        else if (type == typeof(ValidationGate)) await TakeAsync(typeof(GateForm));
        else if (type == typeof(StudentWidth))
            schema.OneOf = [new OpenApiSchema { Type = JsonSchemaType.Integer }, new OpenApiSchema { Type = JsonSchemaType.String }];
        // The one converter of times that there is; where there may be none it is wrapped.
        else if (type == typeof(TimeSpan) && context.JsonPropertyInfo?.CustomConverter is not null) schema.Type = JsonSchemaType.Number;
        else if (schema.Type is null && schema.Properties is not { Count: > 0 } && IsOurs(type)) schema.Type = JsonSchemaType.String;

        async Task TakeAsync(Type form)
        {
            var taken = await context.GetOrCreateSchemaAsync(form, null, cancellationToken);
            (schema.Type, schema.Properties, schema.Required) = (taken.Type, taken.Properties, taken.Required);
        }
    }

    /// <summary>What an enumeration's values are written as.</summary>
    private static IEnumerable<JsonNode> WordsOf(Type type)
        => Enum.GetNames(type).Select(name => (JsonNode)JsonValue.Create(JsonNamingPolicy.CamelCase.ConvertName(name)));

    /// <summary>Ours without properties are one text: ids, names of enumerations.</summary>
    private static bool IsOurs(Type type) => type.Namespace?.StartsWith("Fleet.", StringComparison.Ordinal) == true;

    private sealed record ScoresForm(int Samples)
    {
        public double? Accuracy { get; init; }
        public double? Agreement { get; init; }
        public LatencySummary? Latency { get; init; }
        public long? PeakMemoryBytes { get; init; }
        public double? EnergyJoules { get; init; }
        public IReadOnlyList<MetricValue>? Metrics { get; init; }
    }

    private sealed record GateForm(TimeSpan Deadline)
    {
        public double? MinimumAccuracy { get; init; }
        public TimeSpan? MaximumLatencyP95 { get; init; }
        public long? MaximumMemoryBytes { get; init; }
        public IReadOnlyList<Threshold>? Thresholds { get; init; }
    }
}
