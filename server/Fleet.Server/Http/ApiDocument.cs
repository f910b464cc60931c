using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Fleet.Server.Http;

/// <summary>
/// The operators' API as an OpenAPI document: made from the endpoints themselves, so that it cannot say what they do not. Version 3.0 of
/// the format, which generators of clients read everywhere.
/// </summary>
internal static class ApiDocument
{
    /// <summary>Where it is served.</summary>
    public const string Path = "/api/v1/openapi.json";

    private const string Bearer = "apiKey";
    private const string Problem = nameof(ApiProblem);

    /// <summary>Registers it.</summary>
    public static IServiceCollection AddApiDocument(this IServiceCollection services) => services
        .ConfigureHttpJsonOptions(options => Describe(options.SerializerOptions))
        .AddOpenApi("v1", options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0;
            options.ShouldInclude = endpoint
                => endpoint.RelativePath?.StartsWith("api/v1/", StringComparison.Ordinal) == true
                    && endpoint.HttpMethod != HttpMethods.Head;
            options.AddSchemaTransformer(ApiForms.DescribeAsync);
            options.AddOperationTransformer((operation, context, _) => Complete(operation, context));
            options.AddDocumentTransformer(CompleteAsync);
        });

    /// <summary>
    /// The document describes types by their shape. The converters of the contracts, which lists and numbers have for safety, would hide
    /// it; endpoints themselves name the generated serialization and never use these options.
    /// </summary>
    private static void Describe(JsonSerializerOptions options)
    {
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver();
        options.NumberHandling = JsonNumberHandling.Strict;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
    }

    private static Task Complete(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        operation.RequestBody?.Content?.Remove(ApiDescriptions.AnyContent);
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Tags = new HashSet<OpenApiTagReference> { new(context.Description.RelativePath!.Split('/')[2], context.Document) };
        operation.Description = $"Needs the role {metadata.OfType<RoleStatement>().Last().Role}.";
        operation.Responses ??= [];
        SayFile(operation.RequestBody?.Content);
        foreach (var answer in operation.Responses.Values) SayFile(answer.Content);
        operation.Responses["default"] = new OpenApiResponse
        {
            Description = "A problem (RFC 9457), with every fault at once.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference(Problem, context.Document) },
            },
        };
        return Task.CompletedTask;
    }

    private static async Task CompleteAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Fleet",
            Version = "v1",
            Description = "What operators and build workers may ask of a Fleet server. A list that is cut names the next page in a Link "
                + "header (RFC 8288). A POST may carry an Idempotency-Key: sent again, it is answered as it was the first time.",
        };
        document.Servers = [];
        document.Tags = null;
        document.Components ??= new OpenApiComponents();
        document.Components.Schemas?.Remove(nameof(Stream));
        foreach (var schema in document.Components.Schemas?.Values.OfType<OpenApiSchema>() ?? []) SayAbsentOnce(schema);
        document.AddComponent(Problem, await context.GetOrCreateSchemaAsync(typeof(ApiProblem), null, cancellationToken));
        document.AddComponent<IOpenApiSecurityScheme>(Bearer, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "An API key, as 'fleet api-keys create' prints it.",
        });
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, document)] = [] }];
    }

    /// <summary>A file is its bytes; a reference to a type of its own would be read as an object in JSON.</summary>
    private static void SayFile(IDictionary<string, OpenApiMediaType>? content)
    {
        foreach (var (type, media) in content ?? new Dictionary<string, OpenApiMediaType>())
        {
            if (type != ApiDescriptions.Json) media.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" };
        }
    }

    /// <summary>
    /// What may be null is "one of null and a type", which generators make a type of its own of; they read a nullable type.
    /// </summary>
    private static void SayAbsentOnce(OpenApiSchema schema)
    {
        foreach (var (name, property) in schema.Properties?.ToArray() ?? [])
        {
            if (property.OneOf is not [OpenApiSchema { Properties: null }, OpenApiSchemaReference some]) continue;
            schema.Properties![name] = new OpenApiSchema { Type = JsonSchemaType.Null, OneOf = [some], Description = property.Description };
        }
    }
}
