using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Samples;

/// <summary>State on its way through the samples.</summary>
internal sealed partial record ModelState
{
    /// <summary>State on its way through the samples.</summary>
    internal sealed class Pass(ModelState state, IReadOnlyDictionary<string, int> extents) : IDisposable
    {
        private readonly Dictionary<StateLink, OrtValue> _next = [];

        /// <summary>The feed of the next sample, with the state as it is by now.</summary>
        public Feed Feed(Dictionary<string, OrtValue> values)
        {
            if (state.Links.Count == 0) return new Feed(values);
            // What the samples hold themselves is not carried.
            StateLink[] links = [.. state.Links.Where(link => !values.ContainsKey(link.Input.Name))];
            foreach (var link in links) values[link.Input.Name] = _next.Remove(link, out var carried) ? carried : First(link);
            return state.Restarts
                ? new Feed(values)
                : new Feed(values, links.GroupBy(link => link.Output).ToDictionary(group => group.Key, group => (Action<OrtValue>)(value =>
            {
                foreach (var link in group) Keep(link, value);
            })));
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            foreach (var value in _next.Values) value.Dispose();
            _next.Clear();
        }

        private void Keep(StateLink link, OrtValue value)
        {
            var copy = OrtValue.CreateAllocatedTensorValue(
                OrtAllocator.DefaultInstance, link.Input.Type, value.GetTensorTypeAndShape().Shape);
            value.GetTensorMutableRawData().CopyTo(copy.GetTensorMutableRawData());
            if (_next.Remove(link, out var unread)) unread.Dispose();
            _next[link] = copy;
        }

        private OrtValue First(StateLink link)
        {
            var input = link.Input;
            var growing = link.Grows ? input.Extents.ToList().LastIndexOf(-1) : -1;
            long[] shape = [.. input.Extents.Select((extent, axis) => extent >= 0 ? extent
                : extents.TryGetValue(input.Symbols[axis], out var known) && input.Symbols[axis].Length > 0 ? known
                : axis == growing ? 0 : 1)];
            var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, input.Type, shape);
            value.GetTensorMutableRawData().Clear();
            return value;
        }
    }
}
