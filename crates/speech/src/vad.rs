//! Whether somebody speaks: Silero's model of voices, run by `rten`.
//!
//! A [`VadModel`] is loaded once and serves every call of the process; each call has a [`Detector`] of its own, which
//! hears 20 ms at a time and answers for every 32 ms. `rten` runs a model on threads of its own and nowhere else, so
//! the caller waits for one of them: they are as many as there are processors, and an inference is never divided among
//! several.

mod energy;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rten::{LoadError, Model, ModelOptions, NodeId, RunError, RunOptions, ThreadPool, TryFromValueError, Value};

use energy::Energy;

/// Samples in a second.
pub const SAMPLE_RATE: usize = 8_000;
/// Samples of a frame: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
/// Milliseconds of a frame.
pub const FRAME_MS: u64 = 20;
/// Samples that are judged together.
pub const CHUNK_SAMPLES: usize = 256;
/// Milliseconds of a chunk.
pub const CHUNK_MS: u64 = 32;

/// 20 ms of a call, linear.
pub type Frame = [i16; FRAME_SAMPLES];

/// Samples of the chunk before that the model wants to see again.
const CONTEXT_SAMPLES: usize = 32;
const STATE_SHAPE: [usize; 3] = [2, 1, 128];
const STATE_LEN: usize = 256;
/// Threads that run the model, at most.
const THREADS_MAX: usize = 64;

static MODEL_FILE: &[u8] = include_bytes!("../../../assets/vad/silero_vad_op18_ifless.onnx");
static BUILT_IN: Mutex<Option<Arc<VadModel>>> = Mutex::new(None);

/// Why voices cannot be told from other sounds by the model.
#[derive(Debug, thiserror::Error)]
pub enum VadError {
    /// The file is no model, or needs what is not built in.
    #[error("the model of voices cannot be loaded")]
    Load(#[source] LoadError),
    /// The model has other inputs or outputs, or failed on a chunk.
    #[error("the model of voices cannot be run")]
    Run(#[source] RunError),
    /// The model answered something else than a probability and a state.
    #[error("the model of voices gave an answer of another shape")]
    Answer(#[source] TryFromValueError),
    /// The model answered a number that is no probability.
    #[error("the model of voices gave {0} for a probability")]
    Probability(f32),
    /// A tensor of ours has another size than its shape.
    #[error("an input of the model of voices has the wrong size")]
    Input,
}

/// Silero's model, ready to run. Shared by all calls and threads.
pub struct VadModel {
    model: Model,
    input: NodeId,
    state: NodeId,
    rate: NodeId,
    output: NodeId,
    next_state: NodeId,
    /// Each of one thread: what is as short as this gains nothing from being divided.
    threads: Vec<RunOptions>,
    next_thread: AtomicUsize,
}

impl std::fmt::Debug for VadModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VadModel").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl VadModel {
    /// The model that is built in: loaded by the first who asks, in some milliseconds, and kept.
    ///
    /// # Errors
    /// [`VadError`] where it cannot be loaded; the next who asks tries again.
    pub fn built_in() -> Result<Arc<Self>, VadError> {
        let mut kept = BUILT_IN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*kept {
            return Ok(model.clone());
        }
        let model = Arc::new(Self::load(MODEL_FILE)?);
        *kept = Some(model.clone());
        Ok(model)
    }

    fn load(file: &'static [u8]) -> Result<Self, VadError> {
        // What is not named here is not linked in.
        let operators = rten::op_registry!(
            Add, Concat, Conv, Equal, Gather, Gemm, Identity, If, Mul, Pad, Pow, ReduceMean, Relu, Reshape, Sigmoid,
            Slice, Split, Sqrt, Squeeze, Tanh, Unsqueeze
        );
        let model = ModelOptions::with_ops(operators).load_static_slice(file).map_err(VadError::Load)?;
        let node = |name| model.node_id(name).map_err(VadError::Run);
        let (input, state, rate) = (node("input")?, node("state")?, node("sr")?);
        let (output, next_state) = (node("output")?, node("stateN")?);
        let count = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let thread = || RunOptions::default().with_thread_pool(Some(Arc::new(ThreadPool::with_num_threads(1))));
        let threads = std::iter::repeat_with(thread).take(count).collect();
        Ok(Self { model, input, state, rate, output, next_state, threads, next_thread: AtomicUsize::new(0) })
    }

    /// The ear of one call.
    #[must_use]
    pub fn detector(self: &Arc<Self>) -> Detector {
        let place = self.next_thread.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let memory = Memory {
            state: Value::from_shape(STATE_SHAPE, vec![0_f32; STATE_LEN]).ok(),
            context: [0.0; CONTEXT_SAMPLES],
            thread: self.threads[place].clone(),
        };
        Detector { by: By::Model(self.clone(), memory), ..Detector::by_energy() }
    }

    /// One inference: the probability that a chunk is speech.
    fn run(&self, memory: &mut Memory, chunk: &[i16; CHUNK_SAMPLES]) -> Result<f32, VadError> {
        let mut input = Vec::with_capacity(CONTEXT_SAMPLES + CHUNK_SAMPLES);
        input.extend_from_slice(&memory.context);
        input.extend(chunk.iter().map(|sample| f32::from(*sample) / 32_768.0));
        memory.context.copy_from_slice(&input[CHUNK_SAMPLES..]);
        let input = Value::from_shape([1, input.len()], input).map_err(|_| VadError::Input)?;
        let state = memory.state.as_ref().ok_or(VadError::Input)?;
        let rate = Value::from(SAMPLE_RATE as i32);
        let inputs = vec![(self.input, input.into()), (self.state, state.into()), (self.rate, rate.into())];
        let outputs = [self.output, self.next_state];
        let [output, next] = self.model.run_n(inputs, outputs, Some(memory.thread.clone())).map_err(VadError::Run)?;
        let (_, answer) = output.into_shape_vec::<f32, 2>().map_err(VadError::Answer)?;
        let probability = answer.first().copied().unwrap_or(f32::NAN);
        if !(0.0..=1.0).contains(&probability) {
            return Err(VadError::Probability(probability));
        }
        memory.state = Some(next);
        Ok(probability)
    }
}

/// What the model remembers of a call.
#[derive(Debug)]
struct Memory {
    state: Option<Value>,
    context: [f32; CONTEXT_SAMPLES],
    thread: RunOptions,
}

#[derive(Debug)]
enum By {
    Model(Arc<VadModel>, Memory),
    Energy,
}

/// The ear of one call: hears frames and tells for every chunk how probably it is speech.
#[derive(Debug)]
pub struct Detector {
    by: By,
    energy: Energy,
    chunk: [i16; CHUNK_SAMPLES],
    filled: usize,
    power: f32,
    fault: Option<VadError>,
}

impl Detector {
    /// An ear without a model, for where it cannot be loaded: speech is what stands well above the noise of the line.
    #[must_use]
    pub fn by_energy() -> Self {
        let energy = Energy::default();
        Self { by: By::Energy, energy, chunk: [0; CHUNK_SAMPLES], filled: 0, power: 0.0, fault: None }
    }

    /// Hears the next 20 ms of a call. Whenever they complete a chunk of 32 ms, tells the probability that it is speech:
    /// the chunks follow each other from the first sample on, and at most one is completed by a frame.
    ///
    /// Where the model fails, the rest of the call is judged by energy alone: 0 or 1. [`Self::fault`] says why.
    pub fn push(&mut self, frame: &Frame) -> Option<f32> {
        let (now, later) = frame.split_at(FRAME_SAMPLES.min(CHUNK_SAMPLES - self.filled));
        self.chunk[self.filled..self.filled + now.len()].copy_from_slice(now);
        self.filled += now.len();
        if self.filled < CHUNK_SAMPLES {
            return None;
        }
        let probability = self.judge();
        self.chunk[..later.len()].copy_from_slice(later);
        self.filled = later.len();
        Some(probability)
    }

    /// The mean power of the last chunk, in squared samples.
    #[must_use]
    pub fn power(&self) -> f32 {
        self.power
    }

    /// Why the model is not asked any more.
    #[must_use]
    pub fn fault(&self) -> Option<&VadError> {
        self.fault.as_ref()
    }

    fn judge(&mut self) -> f32 {
        self.power = self.chunk.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / CHUNK_SAMPLES as f32;
        // It listens along, so that it knows the noise of the line when it is needed.
        let loud = self.energy.push(self.power);
        if let By::Model(model, memory) = &mut self.by {
            match model.run(memory, &self.chunk) {
                Ok(probability) => return probability,
                Err(fault) => {
                    self.fault = Some(fault);
                    self.by = By::Energy;
                }
            }
        }
        f32::from(u8::from(loud))
    }
}
