using System.Text.Json.Serialization.Metadata;

namespace Fleet.Server.Storage;

/// <summary>A type of document: the name it is stored under and how it is written.</summary>
/// <param name="Name">Name in the database; it outlives renames of the type.</param>
/// <param name="Json">Generated serialization. What was stored by an earlier program must still read.</param>
internal sealed record DocumentType(string Name, JsonTypeInfo Json);

/// <summary>How a room tells the store of its documents.</summary>
internal static class DocumentTypeRegistration
{
    /// <summary>Makes <typeparamref name="T"/> a document that can be stored.</summary>
    public static IServiceCollection AddDocument<T>(this IServiceCollection services, string name, JsonTypeInfo<T> json) where T : class
        => services.AddSingleton(new DocumentType(name, json));
}
