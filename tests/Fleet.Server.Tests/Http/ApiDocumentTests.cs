using System.Text.Json;
using Fleet.Server.Http;
using Fleet.TestKit;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Http;

public sealed class ApiDocumentTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly string Committed = Repository.PathOf("server", "openapi.json");

    [Fact]
    public async Task Committed_document_is_the_one_that_is_served()
    {
        var served = await server.Operator.GetStringAsync(ApiDocument.Path);
        if (served == await File.ReadAllTextAsync(Committed)) return;
        var fresh = Repository.PathOf(".artifacts", "openapi.json");
        await File.WriteAllTextAsync(fresh, served);
        Assert.Fail($"The API has changed. If that is meant: cp {fresh} {Committed}");
    }

    [Fact]
    public async Task Every_route_of_the_API_is_described_with_what_it_does_reads_and_answers()
    {
        using var document = JsonDocument.Parse(await server.Operator.GetStringAsync(ApiDocument.Path));
        var described = document.RootElement.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject()
                .Select(call => (Route: $"{call.Name.ToUpperInvariant()} {path.Name}", call.Value)))
            .ToDictionary(call => call.Route, call => call.Value);
        Assert.Equal(Routes().Order(), described.Keys.Order());
        var poor = described.Where(call => !call.Value.TryGetProperty("summary", out _) || !call.Value.TryGetProperty("operationId", out _)
            || !call.Value.GetProperty("responses").EnumerateObject().Any(answer => answer.Name.StartsWith('2')));
        Assert.Empty(poor.Select(call => call.Key));
    }

    /// <summary>Nothing is described as if it could hold anything: a generated client would have no type for it.</summary>
    [Fact]
    public async Task Every_type_has_a_shape()
    {
        using var document = JsonDocument.Parse(await server.Operator.GetStringAsync(ApiDocument.Path));
        var types = document.RootElement.GetProperty("components").GetProperty("schemas").EnumerateObject().ToList();
        var shapeless = types.Where(type => !HasShape(type.Value)).Select(type => type.Name).Concat(
            from type in types
            where type.Value.TryGetProperty("properties", out _)
            from property in type.Value.GetProperty("properties").EnumerateObject()
            where !HasShape(property.Value)
            select $"{type.Name}.{property.Name}");
        // What a document was before and after a change may be any.
        Assert.Equal(["AuditChangeView.after", "AuditChangeView.before"], shapeless.Order());
    }

    private static bool HasShape(JsonElement schema)
        => schema.TryGetProperty("$ref", out _) || schema.TryGetProperty("oneOf", out _)
            || (schema.TryGetProperty("type", out var type)
                && (type.GetString() != "array" || (schema.TryGetProperty("items", out var items) && HasShape(items))));

    /// <summary>As the routes name themselves, without the constraints that the document has no word for.</summary>
    private IEnumerable<string> Routes()
        => from endpoint in server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
           let path = "/" + endpoint.RoutePattern.RawText!.Trim('/').Replace(":int", "", StringComparison.Ordinal)
           where path.StartsWith("/api/v1/", StringComparison.Ordinal) && path != ApiDocument.Path
           from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
           where method != "HEAD"
           select $"{method} {path}";
}
